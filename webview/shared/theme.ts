/** Light, dark or high contrast: VS Code says it by a class of the body, a browser by what the person prefers. */
export type Theme = 'light' | 'dark' | 'contrast-dark' | 'contrast-light';

const dark = matchMedia('(prefers-color-scheme: dark)');
const contrast = matchMedia('(forced-colors: active), (prefers-contrast: more)');

export function themeNow(): Theme {
  const { classList } = document.body;
  if (classList.contains('vscode-high-contrast-light')) return 'contrast-light';
  if (classList.contains('vscode-high-contrast')) return 'contrast-dark';
  if (classList.contains('vscode-dark')) return 'dark';
  if (classList.contains('vscode-light')) return 'light';
  if (contrast.matches) return dark.matches ? 'contrast-dark' : 'contrast-light';
  return dark.matches ? 'dark' : 'light';
}

/** Sets `data-theme` of the root element, and tells when it changes. */
export function followTheme(changed: () => void = () => {}): void {
  const apply = (): void => {
    document.documentElement.dataset.theme = themeNow();
    changed();
  };
  apply();
  dark.addEventListener('change', apply);
  contrast.addEventListener('change', apply);
  new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
}
