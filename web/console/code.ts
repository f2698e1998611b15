// <o-code> around an input for a code: groups of three are shown while one types or
// pastes. What is no code stays as it was typed, for the server to say so.

/** The digits of a code without what makes it readable. */
export function plain(text: string): string {
  return text.replace(/[\s\u00a0-]/g, '');
}

/** A code as people read it, or null where text is none. */
export function grouped(text: string): string | null {
  const digits = plain(text);
  return /^\d{0,10}$/.test(digits) ? digits.replace(/\d{3}(?=\d)/g, '$& ') : null;
}

class CodeField extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener('input', (event) => this.show(event.target as HTMLInputElement));
  }

  private show(input: HTMLInputElement): void {
    const text = grouped(input.value);
    if (text === null || text === input.value) {
      return;
    }
    // The cursor stays behind the digit that it was behind.
    const caret = input.selectionStart ?? input.value.length;
    let left = plain(input.value.slice(0, caret)).length;
    input.value = text;
    let place = 0;
    while (left > 0 && place < text.length) {
      if (text[place] !== ' ') {
        left--;
      }
      place++;
    }
    input.setSelectionRange(place, place);
  }
}

customElements.define('o-code', CodeField);
