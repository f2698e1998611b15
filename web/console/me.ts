// The pages of self-service work without this. It takes the text of a link out of the address,
// and looks how an activation stands while its page is open.

import './code';
import { one } from './dom';

/** <o-link> around the field for the text of a link: it is taken from behind # at once. */
class LinkField extends HTMLElement {
  connectedCallback(): void {
    const link = location.hash.slice(1);
    const input = one<HTMLInputElement>('input', this);
    history.replaceState(null, '', location.pathname + location.search);
    addEventListener('hashchange', () => location.reload()); // another link was opened over this page
    if (link && input) {
      input.value = link;
      this.hidden = true;
    }
  }
}

const every = 3000; // milliseconds

/** <o-watch address> loads its page anew when the phone has the activation, or it is over. */
class Watch extends HTMLElement {
  private first = '';

  connectedCallback(): void {
    void this.look();
  }

  private async look(): Promise<void> {
    try {
      const answer = await fetch(this.getAttribute('address') ?? '', { credentials: 'same-origin', redirect: 'error' });
      const { state } = (await answer.json()) as { state?: string };
      if (state && this.first && state !== this.first) {
        location.reload();
        return;
      }
      this.first ||= state ?? '';
    } catch {
      return; // the session has ended, or the server is away: the page has a link to look again
    }
    setTimeout(() => void this.look(), every);
  }
}

customElements.define('o-link', LinkField);
customElements.define('o-watch', Watch);
