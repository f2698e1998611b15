// <o-live> shows how far something is that goes on by itself. Its page is asked for once a
// second, while somebody looks at it: no answer is held open, so that no other tab waits.
// When it has ended, the page is shown anew.

import { one } from './dom';
import { page } from './http';

class Live extends HTMLElement {
  private timer = 0;

  connectedCallback(): void {
    this.timer = setInterval(() => void this.look(), 1000);
  }

  disconnectedCallback(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (document.hidden) {
      return;
    }
    const now = await page(location.href).catch(() => undefined);
    const live = now && one('o-live', now);
    if (live) {
      this.replaceChildren(...live.childNodes);
    } else if (now && this.isConnected) {
      clearInterval(this.timer);
      location.reload();
    }
  }
}

customElements.define('o-live', Live);
