// @ts-check
"use strict";

/**
 * Keyboard shortcuts: one list for the keys and for the help that shows them.
 *
 * @typedef {{keys: string[], words: string, where: "case"|"everywhere", does: () => void}} Shortcut
 */

const auvsegShortcuts = (() => {
  /** @type {Shortcut[]} */
  let shortcuts = [];
  const SHOWN = /** @type {Object<string, string>} */ ({ ArrowRight: "→", ArrowLeft: "←", Escape: "Esc" });
  let isCaseShown = () => false;

  /** What is typed there is text. */
  const TEXT = "textarea, select, input:not([type]), input[type=text], input[type=search]";
  /** What moves by arrows itself. */
  const MOVES = "input[type=range], canvas, [role=slider], .tabulator";

  const dialog = () => /** @type {HTMLDialogElement} */ (document.getElementById("help"));

  function help() {
    if (dialog().open) dialog().close();
    else dialog().showModal();
  }

  /** @param {string} title @param {Shortcut[]} some */
  function list(title, some) {
    const { element } = auvseg;
    const body = element("tbody");
    for (const one of some) {
      const keys = one.keys.flatMap((key, at) => [...(at ? [" or "] : []), element("kbd", {}, SHOWN[key] ?? key)]);
      body.append(element("tr", {}, element("td", {}, ...keys), element("td", {}, one.words)));
    }
    return element("table", {}, element("caption", {}, title), body);
  }

  /** Whether a key is for whoever has the focus, or for the browser. @param {KeyboardEvent} event @param {HTMLElement} target */
  function isTaken(event, target) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog().open) return true;
    return target.matches(TEXT) || (event.key.startsWith("Arrow") && target.closest(MOVES) !== null);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape" && target.matches(TEXT)) target.blur();
    if (isTaken(event, target)) return;
    const one = shortcuts.find(({ keys, where }) => keys.includes(event.key) && (where === "everywhere" || isCaseShown()));
    if (!one) return;
    event.preventDefault();
    one.does();
  }

  return {
    /**
     * @param {Shortcut[]} offered
     * @param {() => boolean} caseShown
     */
    begin(offered, caseShown) {
      isCaseShown = caseShown;
      shortcuts = [...offered, { keys: ["?"], words: "this help", where: "everywhere", does: help }];
      const home = /** @type {HTMLElement} */ (document.getElementById("help-keys"));
      home.append(
        list("on a case's page", shortcuts.filter((one) => one.where === "case")),
        list("everywhere", shortcuts.filter((one) => one.where === "everywhere")),
        list("on what has the focus", [
          { keys: ["↑", "↓"], words: "image or strip: previous or next slice, like the wheel; table: previous or next row", where: "case", does: () => {} },
          { keys: ["Enter"], words: "table: open the case of the row", where: "case", does: () => {} },
        ]),
      );
      document.getElementById("help-open")?.addEventListener("click", help);
      document.getElementById("help-close")?.addEventListener("click", () => dialog().close());
      document.addEventListener("keydown", pressed);
    },
  };
})();
