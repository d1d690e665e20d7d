/** Elements from data. Text goes in as text nodes, whatever it is, and what acts in it is made visible. */
import { visible } from './visible.ts';

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

/** Attributes by name; a function is a listener: `onclick`. No `style`: the page's policy forbids it, see `styled`. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Record<string, Value> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAll(element, attributes);
  add(element, children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, Value> = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAll(element, attributes);
  add(element, children);
  return element;
}

function setAll(element: Element, attributes: Record<string, Value>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : visible(String(value)));
  }
}

function add(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === 'number' ? String(child) : typeof child === 'string' ? visible(child) : child);
  }
}

/** By the object model, which a strict policy allows. */
export function styled<E extends HTMLElement | SVGElement>(element: E, properties: Record<string, string>): E {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}

const ICONS = {
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  left: 'M10 4L6 8l4 4',
  right: 'M6 4l4 4-4 4',
  fork: 'M5 3v4a3 3 0 0 0 3 3h0a3 3 0 0 1 3 3M5 7v6M5 2.5v0M11 13.5v0',
  code: 'M6 4L2.5 8 6 12M10 4l3.5 4-3.5 4',
  bug: 'M5 6h6v4a3 3 0 0 1-6 0zM6 6a2 2 0 0 1 4 0M2.5 5.5L5 7M13.500 5.5L11 7M2 9.500h3M11 9.500h3M3 13.500l2.300-2M13 13.500l-2.300-2',
  save: 'M8 2.500v7M5 6.500l3 3 3-3M3 12.500h10',
  copy: 'M6 5.500h6.500v8H6zM3.500 10.500v-8H10',
  table: 'M2.500 3.500h11v9h-11zM2.500 6.500h11M6.500 6.500v6',
  check: 'M3.500 8.500l3 3 6-7',
  cross: 'M4.500 4.500l7 7M11.500 4.500l-7 7',
  warning: 'M8 2.500l6 11H2zM8 6.500v3.500M8 11.800v.2',
  help: 'M6 6.200a2 2 0 1 1 2.700 1.900c-.5.200-.7.500-.7 1.100v.3M8 11.600v.2M8 1.800a6.200 6.200 0 1 1 0 12.400A6.200 6.200 0 0 1 8 1.800',
} as const;

export function icon(name: keyof typeof ICONS): SVGSVGElement {
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: ICONS[name] }));
}
