// A call for which the server has no room, or that meets it between two lives, waits and is made again; nothing is lost,
// and calls arrive in the order in which they were made, so that the newest wish is the last. Uploads say which page
// brings them.
(() => {
  const send = window.fetch.bind(window);
  const visitor = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16)).join("");
  const notice = Object.assign(document.createElement("div"), { className: "waiting", role: "status" });
  notice.style.cssText =
    "position: fixed; z-index: 1000; inset: auto 12px 12px; width: fit-content; margin: auto; padding: 8px 16px;" +
    "border: 1px solid var(--border-color-primary); border-radius: 8px;" +
    "background: var(--body-background-fill); color: var(--body-text-color); font-family: var(--font)";
  let waiting = 0;
  let before = Promise.resolve();

  function count(change) {
    waiting += change;
    document.body.append(notice);
    notice.textContent = WAITING[document.documentElement.lang];
    if (!waiting) notice.remove();
  }

  async function patiently(resource, options) {
    let answer = await send(resource, options);
    if (answer.status !== 503) return answer;
    count(1);
    for (let pause = 1000; answer?.status === 503 || !answer; pause = Math.min(2 * pause, 16000)) {
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
      answer = await send(resource, options).catch(() => null);
    }
    count(-1);
    return answer;
  }

  window.fetch = (resource, options) => {
    if (resource instanceof Request) return send(resource, options);
    const address = new URL(resource, document.baseURI);
    if (address.pathname.endsWith("/queue/join")) {
      const answer = before.then(() => patiently(resource, options));
      before = answer.catch(() => null);
      return answer;
    }
    if (address.pathname.endsWith("/upload")) address.searchParams.set("visitor", visitor);
    return send(address.pathname.endsWith("/upload") ? address.href : resource, options);
  };
})();
