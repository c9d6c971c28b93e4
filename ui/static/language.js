(() => {
  const lang = new URLSearchParams(location.search).get("lang");
  if (lang === "en" || lang === "ja") Object.defineProperty(navigator, "language", { get: () => lang });
  document.documentElement.lang = navigator.language.startsWith("ja") ? "ja" : "en";
  if (document.documentElement.lang !== "ja") return;

  const japanese = Object.entries(GRADIO_SAYS);
  const translate = (node) => {
    const found = japanese.find(([english]) => node.nodeValue.trimStart().startsWith(english));
    if (found) node.nodeValue = `${found[1]} `; // a count may stand behind
  };
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(".toast-body")) {
      const walker = document.createTreeWalker(toast, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) translate(walker.currentNode);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
