/* Somebody's own photos in the browser's own storage: a reload, another language and a step back find them again. */

const STORE = "photos";
const FOR = 12 * 3600 * 1000; // milliseconds, as long as the server keeps them
const MOST = 10;

/** @typedef {{ id: number, file: File, kept: number }} Kept */

/** The number of the photo brought last; null while there is none, or where the browser keeps nothing. */
let brought = /** @type {number | null} */ (null);

/** The number of the photo that the page brought last. */
export function broughtPhoto() {
  return brought;
}

/**
 * From now on, what comes is about this photo.
 * @param {number | null} id
 */
export function bringsPhoto(id) {
  brought = id;
}

/** The number of the photo that this entry of the history was about; null for an example. */
export function photoOfEntry() {
  return /** @type {number | null} */ (history.state?.photo ?? null);
}

/**
 * Keep a photo; the oldest ones go. Where nothing may be stored, nothing is found again, and it has no number.
 * @param {File} file
 * @returns {Promise<number | null>}
 */
export async function keepPhoto(file) {
  try {
    const store = await open("readwrite");
    const now = Date.now();
    const all = /** @type {Kept[]} */ (await answer(store.getAll()));
    const recent = all.filter(({ kept }) => kept > now - FOR).slice(1 - MOST);
    for (const photo of all) if (!recent.includes(photo)) store.delete(photo.id);
    return Number(await answer(store.add({ file, kept: now })));
  } catch {
    return null;
  }
}

/**
 * A photo that was kept; null where it is no more.
 * @param {number} id
 * @returns {Promise<File | null>}
 */
export async function keptPhoto(id) {
  try {
    const found = /** @type {Kept | undefined} */ (await answer((await open("readonly")).get(id)));
    return found && found.kept >= Date.now() - FOR ? found.file : null;
  } catch {
    return null;
  }
}

/** @param {IDBTransactionMode} mode */
async function open(mode) {
  const request = indexedDB.open("cvt-explorer", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
  return (await answer(request)).transaction(STORE, mode).objectStore(STORE);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
