// Accounts in the console: node accounts.mjs SERVER ADDRESS NAME PASSWORD LATER
// SERVER is a host name, ADDRESS the same server without one; a request to LATER lets six
// minutes pass.

import assert from 'node:assert/strict';
import { browse, inspect, look } from './kit.mjs';

const [server, address, name, password, later] = process.argv.slice(2);

async function signIn(page) {
  await page.goto('/');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// On an address the page says what to open instead.
await browse(address, async ({ page }) => {
  await signIn(page);
  await page.getByRole('link', { name: 'Add a passkey' }).first().click();
  await page.getByText('Passkeys do not work at this address').waitFor();
  const link = page.getByRole('link', { name: 'Open it' });
  assert.equal(await link.getAttribute('href'), server);
  await inspect(page, 'no passkeys here');
});

await browse(server, async ({ page, context, expect }) => {
  const devices = await context.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: false,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const dialog = page.getByRole('dialog');
  const prove = async () => {
    await page.getByRole('heading', { name: 'Prove that it is you' }).waitFor();
    await page.getByRole('button', { name: 'Use your passkey' }).click();
  };

  // The first passkey is used at once, and the session has a second factor.
  await signIn(page);
  await page.getByText('You have no second factor yet').waitFor();
  await page.goto('/account');
  await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
  await look(page, 'account-no-passkey');
  await page.getByRole('main').getByRole('link', { name: 'Add a passkey' }).last().click();
  await dialog.getByRole('heading', { name: 'Add a passkey' }).waitFor();
  await look(page, 'passkey-new');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('<b>this laptop</b>');
  await dialog.getByRole('button', { name: 'Add the passkey' }).click();
  await prove();
  await page.getByText('The passkey is added').waitFor();
  await page.getByRole('rowheader', { name: '<b>this laptop</b>' }).waitFor();
  assert.equal(await page.getByText('You have no second factor yet').count(), 0);
  await look(page, 'account-passkey');
  await page.getByRole('button', { name: 'account and settings' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();

  // It is the second factor of the next sign-in. A device that is not there proves nothing.
  await signIn(page);
  await page.getByRole('heading', { name: 'Enter a code' }).waitFor();
  await look(page, 'sign-in-code');
  await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  await page.getByRole('button', { name: 'Use your passkey' }).click();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
  await page.goto(new URL('/tokens', page.url()).href);
  await page.getByRole('heading', { name: 'Hardware tokens', exact: true }).waitFor();

  // A view is kept under a name, and is a link.
  await page.getByRole('link', { name: 'Views' }).click();
  await dialog.getByRole('textbox', { name: 'Name of this view' }).fill('<i>all</i>');
  await dialog.getByRole('button', { name: 'Keep this view' }).click();
  await page.waitForURL(/tokens\?size=20$|tokens$/);
  await page.getByRole('link', { name: 'Views' }).click();
  await dialog.getByRole('link', { name: '<i>all</i>' }).waitFor();
  await look(page, 'views');
  await dialog.getByRole('link', { name: 'Close' }).click();

  // What needs a fresh proof asks for it, and goes on; what was typed is still there.
  await page.getByRole('link', { name: 'Administrators' }).click();
  await page.getByRole('heading', { name: 'Administrators' }).waitFor();
  await look(page, 'admins');
  await fetch(later);
  await page.getByRole('link', { name: 'Add an administrator' }).click();
  await dialog.getByRole('heading', { name: 'Prove that it is you' }).waitFor();
  await look(page, 'proof');
  await prove();
  await dialog.getByRole('heading', { name: 'Add an administrator' }).waitFor();
  await look(page, 'admin-new');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('olga');
  await dialog.getByRole('radio', { name: 'OPERATOR' }).check();
  await fetch(later);
  await dialog.getByRole('button', { name: 'Add the administrator' }).click();
  await prove();
  await dialog.getByRole('heading', { name: 'Add an administrator' }).waitFor();
  assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), 'olga');
  assert.ok(await dialog.getByRole('radio', { name: 'OPERATOR' }).isChecked());
  await dialog.getByRole('button', { name: 'Add the administrator' }).click();
  await dialog.getByText('It is shown this once').waitFor();
  await look(page, 'admin-once');
  await dialog.getByRole('link', { name: 'I have it' }).click();
  await page.getByRole('heading', { name: 'Administrator · olga' }).waitFor();
  await page.getByRole('link', { name: 'Change the role' }).click();
  await dialog.getByRole('radio', { name: 'ADMIN' }).check();
  await look(page, 'admin-role');
  await dialog.getByRole('button', { name: 'Change the role' }).click();
  await page.getByText('The role is changed').waitFor();
  await look(page, 'admin');
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('heading', { name: 'API keys' }).waitFor();
  await look(page, 'keys');
  await page.getByRole('link', { name: 'Create an API key' }).click();
  expect(/ 422 /);
  await dialog.getByRole('textbox', { name: 'Name' }).fill('radius gateway');
  await dialog.getByRole('radio', { name: 'VERIFIER' }).check();
  await dialog.getByRole('button', { name: 'Create the key' }).click();
  await dialog.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await look(page, 'key-new');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('radius');
  await dialog.getByRole('button', { name: 'Create the key' }).click();
  await dialog.getByText('It is shown this once').waitFor();
  await dialog.getByRole('link', { name: 'I have it' }).click();
  await page.getByRole('link', { name: 'Revoke radius' }).click();
  await look(page, 'key-revoke');
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('The key is revoked').waitFor();
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await look(page, 'settings');

  // Without the device the page says so, and stays.
  await fetch(later);
  await devices.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
  await page.goto('/key-new');
  await page.evaluate(() => {
    navigator.credentials.get = () => Promise.reject(new DOMException('cancelled', 'NotAllowedError'));
  });
  await prove();
  await page.getByText('The browser got no answer of a passkey.').waitFor();
  await inspect(page, 'no answer');
});
