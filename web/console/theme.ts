// <o-theme> around three radio buttons: as the system, light, dark.

import { keep } from './dom';

class Theme extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener('change', (event) => {
      const theme = (event.target as HTMLInputElement).value;
      if (theme === 'light' || theme === 'dark') {
        document.documentElement.dataset['theme'] = theme;
        keep('theme', theme);
      } else {
        delete document.documentElement.dataset['theme'];
        keep('theme', '');
      }
    });
  }
}

customElements.define('o-theme', Theme);
