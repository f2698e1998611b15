// <o-passkey> around a form that a passkey answers. It asks the server for the question, and
// sends the form with the answer; with "create" the answer is a new passkey. A browser that
// knows no passkeys sends the form without one, and the server says so.
//
// It is loaded alone on the page of the sign-in, so it takes nothing of the other files.

const known = typeof PublicKeyCredential !== 'undefined' && 'parseRequestOptionsFromJSON' in PublicKeyCredential;

class PasskeyForm extends HTMLElement {
  private answering = false;

  connectedCallback(): void {
    this.addEventListener('submit', (event) => {
      if (this.answering || !known) {
        return;
      }
      event.preventDefault();
      event.stopPropagation(); // a dialog would send it
      void this.answer(event.target as HTMLFormElement);
    });
  }

  private async answer(form: HTMLFormElement): Promise<void> {
    const said = this.querySelector<HTMLElement>('[data-stopped]');
    const field = this.querySelector<HTMLInputElement>('[name=answer]');
    const button = this.querySelector<HTMLButtonElement>('button:not([type=button])');
    if (!said || !field || !button) {
      return;
    }
    said.hidden = true;
    button.disabled = true;
    let wrong = said.dataset['stopped'] ?? '';
    try {
      const question = await fetch(this.getAttribute('ask') ?? '', { method: 'POST', redirect: 'error' });
      if (!question.ok) {
        wrong = await question.text();
        throw new Error(wrong);
      }
      const { publicKey } = await question.json();
      const given = this.hasAttribute('create')
        ? await navigator.credentials.create({
            publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
          })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
      field.value = JSON.stringify(given);
    } catch {
      said.textContent = wrong;
      said.hidden = false;
      button.disabled = false;
      return;
    }
    button.disabled = false;
    this.answering = true;
    form.requestSubmit(button);
    this.answering = false;
    field.value = '';
  }
}

customElements.define('o-passkey', PasskeyForm);
