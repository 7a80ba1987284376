/*
 * Light or dark, decided before the first paint.
 * A classic script on purpose: a module would run too late and the page would flash.
 */
(() => {
  const key = "playground.theme";
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  const read = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage can be switched off; the system's choice is then the only one
    }
  };
  const current = () => read() ?? (wanted.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset.theme = current();
  };
  const choose = (theme) => {
    try {
      localStorage.setItem(key, theme);
    } catch {
      // shown for now, not remembered
    }
    document.documentElement.dataset.theme = theme;
  };
  wanted.addEventListener("change", apply);
  apply();
  window.playgroundTheme = { current: () => document.documentElement.dataset.theme, choose };
})();
