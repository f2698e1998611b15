// <o-undo seconds="15"> is the bar with the button that sets a change back. It goes when
// its time is over, and not while somebody is on it.

class Undo extends HTMLElement {
  private timer = 0;

  connectedCallback(): void {
    this.start();
    for (const stay of ['pointerenter', 'focusin']) {
      this.addEventListener(stay, () => clearTimeout(this.timer));
    }
    for (const go of ['pointerleave', 'focusout']) {
      this.addEventListener(go, () => this.start());
    }
  }

  disconnectedCallback(): void {
    clearTimeout(this.timer);
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.remove(), Number(this.getAttribute('seconds') ?? 15) * 1000);
  }
}

customElements.define('o-undo', Undo);
