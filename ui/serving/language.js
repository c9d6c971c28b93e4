(() => {
  const wanted = new URLSearchParams(location.search).get("lang");
  if (LANGUAGES.includes(wanted)) Object.defineProperty(navigator, "language", { get: () => wanted });
  const language = LANGUAGES.find((code) => navigator.language.startsWith(code)) ?? "en";
  document.documentElement.lang = language;
  const words = { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `${ADDRESS}/words/${language}.json` };
  document.head.append(Object.assign(document.createElement("link"), words));
  if (language === "en") return;

  // Gradio says the titles of its toasts and some of its messages in English alone.
  const translations = Object.entries(GRADIO.en).map(([name, english]) => [english, GRADIO[language][name]]);
  const translate = (node) => {
    const found = translations.find(([english]) => node.nodeValue.trimStart().startsWith(english));
    if (found) node.nodeValue = `${found[1]} `; // a count may stand behind
  };
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(".toast-body")) {
      const walker = document.createTreeWalker(toast, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) translate(walker.currentNode);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
