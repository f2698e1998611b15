// Self-service: node self.mjs SERVER CODES-OF-1001 CODES-OF-1002 PHONE LINK

import assert from 'node:assert/strict';
import { browse, focus, inspect, look, phone as small } from './kit.mjs';

const [server, one, two, phone, link] = process.argv.slice(2);
const first = one.split(' ');
const second = two.split(' ');

async function signIn(page, code) {
  await page.goto('/me?lang=en');
  await page.getByRole('textbox', { name: 'User name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const heading = (page, name) => page.getByRole('heading', { name, exact: true }).first().waitFor();

/** A page in the other languages, with what its heading is there. */
async function speaks(page, name, titles) {
  const here = page.url();
  for (const [lang, title] of Object.entries(titles)) {
    const url = new URL(here);
    url.searchParams.set('lang', lang);
    await page.goto(url.href);
    await heading(page, title);
    await look(page, `${name}-${lang}`, { 390: small });
  }
  await page.goto('/me?lang=en');
  await page.goto(here);
}

await browse(server, async ({ page, expect }) => {
  expect(/ 401 /);
  await page.setViewportSize(small);
  await page.goto('/me');
  await look(page, 'me-sign-in');
  await speaks(page, 'me-sign-in', { de: 'Anmelden', sv: 'Logga in' });
  await signIn(page, '000000');
  await page.getByRole('heading', { name: 'There is a problem' }).waitFor();
  await focus(page, 'There is a problem');
  assert.equal(await page.getByRole('textbox', { name: 'User name' }).inputValue(), 'alice');
  assert.equal(await page.getByRole('textbox', { name: 'Code' }).inputValue(), '');
  await look(page, 'me-refused');
  await signIn(page, first[0]);
  await heading(page, 'My tokens');
  await look(page, 'me-tokens');
  await speaks(page, 'me-tokens', { de: 'Meine Token', sv: 'Mina säkerhetsdosor' });

  // Buttons are big enough for a thumb.
  await page.setViewportSize(small);
  for (const button of await page.locator('.button').all()) {
    const box = await button.boundingBox();
    assert.ok(box.height >= 48, `${await button.innerText()} is ${box.height} px high`);
  }

  // A code is tried with the keys alone, and the fob is fixed.
  await page.getByRole('link', { name: 'Try a code' }).click();
  await heading(page, 'Try a code');
  await page.getByRole('textbox', { name: 'Code' }).focus();
  await page.keyboard.type(second[30]);
  await page.keyboard.press('Enter');
  await page.getByText('Your token is out of step').waitFor();
  await look(page, 'me-try');
  await page.getByRole('link', { name: 'Fix my token' }).click();
  await heading(page, 'Fix my token');
  expect(/ 422 /);
  await page.getByRole('textbox', { name: 'First code' }).fill(second[30]);
  await page.getByRole('textbox', { name: 'The code after it' }).fill(second[33]);
  await page.getByRole('button', { name: 'Fix it' }).click();
  await page.getByText('not two codes in a row').waitFor();
  await look(page, 'me-fix');
  await page.waitForTimeout(2000); // the delay after wrong codes
  await page.getByRole('textbox', { name: 'First code' }).fill(second[30]);
  await page.getByRole('textbox', { name: 'The code after it' }).fill(second[31]);
  await page.getByRole('button', { name: 'Fix it' }).click();
  await page.getByText('The token is in step again').waitFor();
  await inspect(page, 'fixed');

  // The phone: a code of another token, the password on a page of its own, the QR code.
  await page.getByRole('link', { name: 'Activate my phone' }).click();
  await look(page, 'me-activate');
  await page.getByRole('textbox', { name: 'Code of another token' }).fill(second[32]);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('img').first().waitFor();
  const box = await page.locator('img.qr').boundingBox();
  assert.ok(box.width >= 320 || (await page.viewportSize()).width < 400, `the QR code is ${box.width} px wide`);
  await page.getByText('No camera?').click();
  const text = await page.content();
  await look(page, 'me-offer');
  await page.getByRole('button', { name: 'Show the password first' }).click();
  await heading(page, 'Activation password');
  const password = await page.locator('.big-code').innerText();
  assert.ok(password.length > 8 && !text.includes(password), 'the password stands beside the code');
  await look(page, 'me-password');
  await page.getByRole('link', { name: 'I have written it down' }).click();
  await heading(page, 'Scan this with the app');
  assert.ok(!(await page.content()).includes(password));
  await page.goto(`/me/activate?token=${phone}&lang=de`);
  await heading(page, 'Mit der App scannen');
  await look(page, 'me-offer-de', { 390: small });
  await page.goto('/me?lang=en');

  // An app: its key is shown once.
  await page.getByRole('link', { name: 'New authenticator app' }).click();
  await inspect(page, 'new app');
  await page.getByRole('button', { name: 'Show the QR code' }).click();
  await heading(page, '2. Type the code that the app shows');
  await look(page, 'me-app');
  await page.getByRole('textbox', { name: 'Code' }).fill('000000');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('That is not the right code').waitFor();
  await inspect(page, 'a wrong first code');

  await page.goto('/me/past');
  await page.getByText('Somebody signed in here as you').first().waitFor();
  await look(page, 'me-past');
  await speaks(page, 'me-past', { de: 'Was geschehen ist', sv: 'Vad som har hänt' });
  await page.getByRole('link', { name: 'This was not me' }).click();
  await heading(page, 'This was not me');
  await look(page, 'me-disown');
  await page.goto('/me/help');
  await look(page, 'me-help');
  await page.goto('/me/lost?token=1002');
  await look(page, 'me-lost');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await heading(page, 'Sign in');
});

// A link: its text leaves the address at once, opening it uses nothing up, a click does.
await browse(server, async ({ page, expect }) => {
  for (let i = 0; i < 2; i++) {
    await page.goto('/me/help?lang=en');
    await page.goto('/me/link#' + link);
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    await page.waitForFunction(() => location.hash === '');
    assert.ok(await page.getByRole('textbox', { name: 'Code of the link' }).isHidden());
  }
  await look(page, 'me-link');
  await page.getByRole('button', { name: 'Go on' }).click();
  await heading(page, 'New authenticator app');
  assert.equal(await page.getByRole('link', { name: 'Back to my tokens' }).count(), 0);
  await page.goto('/me');
  await heading(page, 'New authenticator app');
  await page.getByRole('button', { name: 'Sign out' }).click();
  expect(/ 404 /);
  await page.goto('/me/link#' + link);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('unknown, used, or no longer valid').waitFor();
  await look(page, 'me-link-used');
});

// Without scripts: sign in, try, fix, lose.
await browse(server, async ({ context }) => {
  const bare = await context.browser().newContext({ javaScriptEnabled: false, baseURL: server, viewport: small });
  const page = await bare.newPage();
  await signIn(page, first[1]);
  await heading(page, 'My tokens');
  await page.goto('/me/try?token=1002');
  await page.getByRole('textbox', { name: 'Code' }).fill(second[40]);
  await page.getByRole('button', { name: 'Try it' }).click();
  await page.getByText('Right', { exact: true }).waitFor();
  await page.goto('/me/fix?token=1002');
  await page.getByRole('textbox', { name: 'First code' }).fill(second[45]);
  await page.getByRole('textbox', { name: 'The code after it' }).fill(second[46]);
  await page.getByRole('button', { name: 'Fix it' }).click();
  await page.getByText('The token is in step again').waitFor();
  await page.goto('/me/lost?token=1002');
  await page.getByRole('button', { name: 'Report it as lost' }).click();
  await page.getByText('It is reported as lost').waitFor();
  await page.goto('/me/link');
  await page.getByRole('textbox', { name: 'Code of the link' }).waitFor();
  await bare.close();
});
