(() => {
  const lang = new URLSearchParams(location.search).get("lang");
  if (lang === "en" || lang === "ja") Object.defineProperty(navigator, "language", { get: () => lang });
  document.documentElement.lang = navigator.language.startsWith("ja") ? "ja" : "en";
})();
