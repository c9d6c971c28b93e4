/* The page's address. */

/**
 * An address with some of its parameters changed; null or undefined removes one, all others stay.
 * @param {string} href
 * @param {Record<string, unknown>} parameters
 */
export function addressWith(href, parameters) {
  const url = new URL(href);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  url.search = url.search.replace(/%2C/g, ",");
  return url.href;
}
