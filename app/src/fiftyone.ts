/** What the App offers on `window`. Nothing of it is bundled, so React stays one copy. */

import type * as ReactNamespace from "react";

interface Outcome {
  result?: unknown;
  error?: unknown;
  errorMessage?: unknown;
}

/** A panel's event may answer false: FiftyOne then leaves it to the panel to show an error. */
type Callback = (outcome: Outcome) => boolean | void;

interface AppGlobals {
  React: typeof ReactNamespace;
  __fop__: {
    registerComponent(options: object): void;
    PluginComponentType: { Component: number };
  };
  __foo__: {
    useTriggerPanelEvent(): (uri: string, params: object, prompt?: boolean, done?: Callback) => void;
    executeOperator(uri: string, params: object, options?: { callback?: Callback }): void;
    usePromptOperatorInput(): (uri: string, params?: object, options?: object) => void;
  };
  __fos__: { getSampleSrc(path: string): string; modalSelector: object; sidebarVisible(modal: boolean): object };
  recoil: {
    useRecoilValue<Value>(state: object): Value;
    useRecoilState<Value>(state: object): [Value, (value: Value) => void];
  };
}

const app = window as unknown as AppGlobals;

export const React = app.React;
export const { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } = React;
export const { registerComponent, PluginComponentType } = app.__fop__;
export const { useTriggerPanelEvent, executeOperator, usePromptOperatorInput } = app.__foo__;

/** Address at which the App serves a file of the dataset. */
export const mediaUrl = (path: string): string => app.__fos__.getSampleSrc(path);

export const OPERATORS = "@argus/argus-fiftyone/";

/** Props that FiftyOne hands to a component named in a Python panel's view. */
export interface PanelProps<Data> {
  data?: Data;
  schema: { view: Record<string, string> };
}

const LONGEST_MS = 10_000;

const REVIEW_TAB = '[data-cy="panel-tab-argus_review"]';

/**
 * Turn the modal to the review panel once it is up. `open_panel` acts on whichever
 * surface is open, so it would fail any earlier.
 */
export function turnToReview(): void {
  let left = LONGEST_MS / 100;
  const timer = window.setInterval(() => {
    left -= 1;
    const open = document.querySelector(REVIEW_TAB) !== null;
    if (open || left <= 0) window.clearInterval(timer);
    if (open) executeOperator("open_panel", { name: "argus_review", isActive: true });
  }, 100);
}

/** Fold away the modal's sidebar of fields while a component is shown: pictures need the room. */
export function useWideModal(): void {
  const [shown, show] = app.recoil.useRecoilState<boolean>(app.__fos__.sidebarVisible(true));
  const first = useRef({ shown, show });
  useEffect(() => {
    const { shown, show } = first.current;
    if (!shown) return undefined;
    show(false);
    return () => show(true);
  }, []);
}

/** What the modal shows: the group's id, or the sample's where there are no groups; null when closed. */
export function useOpened(): string | null {
  const opened = app.recoil.useRecoilValue<{ id?: string; groupId?: string } | null>(app.__fos__.modalSelector);
  return opened?.groupId ?? opened?.id ?? null;
}
