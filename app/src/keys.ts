/** Keys of the review panel, caught before FiftyOne's own shortcuts see them. */

import { useEffect, useLayoutEffect, useRef } from "./fiftyone";

export type KeyActions = Record<string, () => void>;

const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"]);

/** Whether a key press belongs to a field the user types in; sliders do not count. */
function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (element instanceof HTMLInputElement && ["range", "checkbox"].includes(element.type)) return false;
  return !!element && (TYPING.has(element.tagName) || element.isContentEditable);
}

/**
 * Run the action of a key (`event.key`, letters in lower case) while the panel is shown.
 *
 * A key acts once however long it is held, and on what is drawn: not on what is about to be.
 */
export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  useLayoutEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const action = latest.current[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) action();
    };
    window.addEventListener("keydown", press, true);
    return () => window.removeEventListener("keydown", press, true);
  }, []);
}
