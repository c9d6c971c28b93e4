// Everything else in the address stays.
for (const link of element.querySelectorAll("a")) {
  link.toggleAttribute("data-current", navigator.language.startsWith(link.lang));
  link.addEventListener("click", (event) => {
    const address = new URL(location.href);
    address.searchParams.set("lang", link.lang);
    location.assign(address);
    event.preventDefault();
  });
}
