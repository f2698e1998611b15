// The page behind an enrolment link. The link's secret is taken out of the address at
// once, so that it is neither seen nor kept in the history. It goes to the server when
// the user asks.

import './code';
import { plain } from './code';
import { at, one } from './dom';
import { Refused, send } from './http';

interface Shown {
  serial: string;
  account: string;
  uri: string;
  qr: string;
  ticket: string;
}

const link = location.hash.slice(1);
const words = at('words').dataset; // in the language of the page
let ticket = '';

history.replaceState(null, '', location.pathname);
addEventListener('hashchange', () => location.reload()); // another link was opened over this page
if (link) {
  at('start').hidden = false;
} else {
  say(words.incomplete, words.incompleteNext);
}

at('show').addEventListener('click', async () => {
  const answer = await ask<Shown>('show', at<HTMLButtonElement>('show'), { token: link });
  if (!answer) {
    return;
  }
  ticket = answer.ticket;
  at<HTMLImageElement>('qr').src = 'data:image/svg+xml,' + encodeURIComponent(answer.qr);
  at<HTMLAnchorElement>('link').href = answer.uri;
  at('uri').textContent = answer.uri;
  at('key').textContent = new URLSearchParams(answer.uri.split('?')[1]).get('secret');
  at('account').textContent = answer.account;
  at('serial').textContent = answer.serial;
  at('start').hidden = true;
  at('scan').hidden = false;
  at('scan-title').focus();
});

at('confirm').addEventListener('submit', async (event) => {
  event.preventDefault();
  const otp = plain(at<HTMLInputElement>('code').value);
  const button = one<HTMLButtonElement>('button', at('confirm'))!;
  const answer = await ask<{ valid: boolean }>('confirm', button, { ticket, otp });
  if (!answer) {
    return;
  }
  if (!answer.valid) {
    say(words.wrong, words.wrongNext);
    at<HTMLInputElement>('code').select();
    return;
  }
  for (const id of ['qr', 'link', 'uri', 'key']) {
    at(id).remove();
  }
  at('scan').hidden = true;
  at('done').hidden = false;
  at('done-title').focus();
});

/** Sends a request; what went wrong it says itself, and gives null. */
async function ask<Answer>(what: string, button: HTMLButtonElement, body: unknown): Promise<Answer | null> {
  say('', '');
  button.disabled = true;
  try {
    return await send<Answer>('api/v1/enrolment/' + what, body);
  } catch (error) {
    if (!(error instanceof Refused)) {
      say(words.silent, words.silentNext);
    } else if (error.problem.code === 'invalid_request') {
      say(words.digits, '');
    } else {
      say(error.problem.detail ?? '', error.problem.hint ?? '');
    }
    return null;
  } finally {
    button.disabled = false;
  }
}

function say(what = '', next = ''): void {
  at('message').hidden = !what;
  at('what').textContent = what;
  at('next').textContent = next;
  at('message').scrollIntoView({ block: 'nearest' });
}
