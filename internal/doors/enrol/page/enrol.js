'use strict';

// The link's secret is taken out of the address at once, so that it is neither
// seen nor kept in the history. It goes to the server when the user asks.
const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
let ticket = '';

history.replaceState(null, '', location.pathname);
if (token) {
  at('start').hidden = false;
} else {
  say('This address is incomplete. Open the whole link that you were given.');
}

at('show').addEventListener('click', async () => {
  const answer = await ask('show', at('show'), { token });
  if (!answer) {
    return;
  }
  ticket = answer.ticket;
  at('qr').src = 'data:image/svg+xml,' + encodeURIComponent(answer.qr);
  at('link').href = answer.uri;
  at('uri').textContent = answer.uri;
  at('key').textContent = new URLSearchParams(answer.uri.split('?')[1]).get('secret');
  at('account').textContent = answer.account;
  at('serial').textContent = answer.serial;
  at('start').hidden = true;
  at('scan').hidden = false;
  at('code').focus();
});

at('confirm').addEventListener('submit', async (event) => {
  event.preventDefault();
  const otp = at('code').value.replaceAll(' ', '');
  const answer = await ask('confirm', at('confirm').querySelector('button'), { ticket, otp });
  if (!answer) {
    return;
  }
  if (!answer.valid) {
    say('That is not the right code. Wait for the next one and try again.');
    return;
  }
  for (const id of ['qr', 'link', 'uri', 'key']) {
    at(id).remove();
  }
  at('scan').hidden = true;
  at('done').hidden = false;
});

// ask sends a request; what went wrong it says itself and gives null.
async function ask(what, button, body) {
  say('');
  button.disabled = true;
  try {
    const response = await fetch('api/v1/enrolment/' + what, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'omit',
      redirect: 'error',
    });
    const answer = await response.json();
    if (response.ok) {
      return answer;
    }
    say(answer.code === 'invalid_request' ? 'A code is made of digits only.' : answer.detail);
  } catch {
    say('The server did not answer. Try again.');
  } finally {
    button.disabled = false;
  }
  return null;
}

function say(text) {
  at('message').textContent = text;
}
