/** Colours and styles: FiftyOne's own variables, so that light and dark both fit. */

export const ink = {
  text: "var(--fo-palette-text-primary, #eee)",
  faint: "var(--fo-palette-text-secondary, #999)",
  line: "rgba(128,128,128,.4)",
  page: "var(--fo-palette-background-level2, #1a1a1a)",
  card: "var(--fo-palette-background-level1, #262626)",
  accent: "var(--fo-palette-primary-plainColor, #ff6d04)",
  alarm: "#e5484d",
  media: "var(--fo-palette-background-mediaSpace, #111)",
};

/** A threshold as people read it: two digits where that is all of it, else up to four. */
export const threshold = (value: number): string => value.toFixed([2, 3].find((digits) => Math.abs(Number(value.toFixed(digits)) - value) < 1e-9) ?? 4);

/** Red where something came, blue where it went, as in every picture Argus makes; nobody has to tell red from green. */
export const directionInk: Record<string, string> = {
  appeared: "#f4604c",
  disappeared: "#4c9df4",
  changed: "#e07bc0",
  none: "#999999",
};

export const directionSign: Record<string, string> = {
  appeared: "+",
  disappeared: "−",
  changed: "≠",
  none: "·",
};

export const decisionInk: Record<string, string> = {
  confirmed: "#009e73",
  rejected: "#949ba8",
  unsure: "#9b7bff",
};

export const truthInk: Record<string, string> = { change: "#e69f00", nochange: "#56b4e9", "": "#8a8f98" };

/** Picks the sheet once; FiftyOne has no place for a plugin's CSS file. */
export const sheet = `
.argus { box-sizing: border-box; height: 100%; color: ${ink.text}; background: ${ink.page};
  font: 13px/1.45 var(--fo-fontFamily-body, Palanquin, system-ui, sans-serif); }
.argus *, .argus *::before { box-sizing: border-box; }
.argus button, .argus select { font: inherit; color: ${ink.text}; background: ${ink.card};
  border: 1px solid ${ink.line}; border-radius: 4px; padding: 4px 10px; cursor: pointer; white-space: nowrap; }
.argus button:hover:not(:disabled) { border-color: ${ink.accent}; }
.argus button:disabled { opacity: .45; cursor: default; }
.argus button[aria-pressed=true] { border-color: ${ink.accent}; color: ${ink.accent}; }
.argus button.main { background: ${ink.accent}; border-color: ${ink.accent}; color: #111; font-weight: 600; }
.argus select { max-width: 100%; min-width: 0; text-overflow: ellipsis; background: ${ink.page}; }
.argus kbd { font: 11px/1 ui-monospace, monospace; border: 1px solid ${ink.line}; border-radius: 3px;
  padding: 1px 4px; margin-left: 5px; color: ${ink.faint}; }
.argus .faint { color: ${ink.faint}; }
.argus .cut { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.argus .row { display: flex; gap: 8px; align-items: center; min-width: 0; }
.argus .wrap { flex-wrap: wrap; }
.argus .grow { flex: 1 1 0; min-width: 0; }
.argus .chip { border-radius: 9px; padding: 0 8px; font-size: 12px; border: 1px solid currentColor; white-space: nowrap; }
.argus input[type=range], .argus input[type=checkbox] { accent-color: ${ink.accent}; min-width: 0; }
.argus-list { list-style: none; margin: 0; padding: 0; overflow: auto; }
.argus-list li { display: flex; gap: 8px; align-items: center; padding: 5px 8px; border-radius: 4px; cursor: pointer;
  border: 1px solid transparent; min-width: 0; }
.argus-list li:hover { background: ${ink.card}; }
.argus-list li[aria-selected=true] { background: ${ink.card}; border-color: ${ink.accent}; }
.argus-card { background: ${ink.card}; border: 1px solid ${ink.line}; border-radius: 6px; padding: 8px 12px; min-width: 0; }
.argus-card h3 { font-size: 13px; font-weight: 600; margin: 0 0 4px; white-space: nowrap; }
.argus-card button { background: ${ink.page}; }
.argus button.main { background: ${ink.accent}; }
.argus-number { font-size: 22px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
`;
