/** What the App offers on `window`. Nothing of it is bundled, so React stays one copy. */

import type * as ReactNamespace from "react";

type Callback = (result: { result?: unknown; error?: unknown }) => void;

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
  __fos__: { getSampleSrc(path: string): string; modalSelector: object };
  recoil: { useRecoilValue<Value>(state: object): Value };
}

const app = window as unknown as AppGlobals;

export const React = app.React;
export const { useCallback, useEffect, useMemo, useRef, useState } = React;
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

/** Calls of a Python panel's methods, by the name under which its view exposes them. */
export function usePanelCalls(view: Record<string, string>) {
  const trigger = useTriggerPanelEvent();
  const latest = useRef({ trigger, view });
  latest.current = { trigger, view };
  return useCallback((method: string, params: object = {}) => {
    const uri = latest.current.view[method];
    if (uri) latest.current.trigger(uri, params);
  }, []);
}

/** What the modal shows: the group's id, or the sample's where there are no groups; null when closed. */
export function useOpened(): string | null {
  const opened = app.recoil.useRecoilValue<{ id?: string; groupId?: string } | null>(app.__fos__.modalSelector);
  return opened?.groupId ?? opened?.id ?? null;
}
