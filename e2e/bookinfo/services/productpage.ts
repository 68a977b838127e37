/** The page itself: asks details and reviews, both through the mesh, and shows what came. */
import { forwarded, serve } from './service.ts';

const details = process.env.DETAILS_URL ?? 'http://details:9080';
const reviews = process.env.REVIEWS_URL ?? 'http://reviews:9080';
const ratings = process.env.RATINGS_URL ?? 'http://ratings:9080';
const product = {
  id: 0,
  title: 'The Comedy of Errors',
  descriptionHtml: 'One of Shakespeare’s early plays.',
};

interface Result {
  readonly status: number;
  readonly json: any;
}

async function ask(url: string, headers: Record<string, string>): Promise<Result> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(3000) });
    if (!response.ok) return { status: response.status, json: { error: await response.text() } };
    return { status: 200, json: await response.json() };
  } catch (error) {
    return { status: 503, json: { error: String(error) } };
  }
}

/** Reviews are worth a second try: with a slow ratings service the first may time out. */
async function askReviews(id: string, headers: Record<string, string>): Promise<Result> {
  const first = await ask(`${reviews}/reviews/${id}`, headers);
  return first.status === 200 ? first : ask(`${reviews}/reviews/${id}`, headers);
}

function userOf(cookie: string | undefined): string | undefined {
  const match = /(?:^|; )user=([^;]*)/.exec(cookie ?? '');
  return match?.[1] ? decodeURIComponent(match[1]) : undefined;
}

const escapeHtml = (text: unknown): string =>
  String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function reviewHtml(review: any): string {
  const rating = review.rating;
  let stars = '';
  if (rating?.stars !== undefined) {
    stars = `<p style="color:${escapeHtml(rating.color)}">${'★'.repeat(Number(rating.stars))}${'☆'.repeat(5 - Number(rating.stars))}</p>`;
  } else if (rating?.error) {
    stars = `<p><i>${escapeHtml(rating.error)}</i></p>`;
  }
  return `<blockquote><p>${escapeHtml(review.text)}</p><small>${escapeHtml(review.reviewer)}</small>${stars}</blockquote>`;
}

function page(user: string | undefined, detail: Result, review: Result): string {
  const detailHtml =
    detail.status === 200
      ? `<dl>${Object.entries(detail.json)
          .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`)
          .join('')}</dl>`
      : '<p>Sorry, product details are currently unavailable for this book.</p>';
  const reviewsHtml =
    review.status === 200
      ? `<p>Reviews served by: ${escapeHtml(review.json.podname)}</p>${review.json.reviews.map(reviewHtml).join('')}`
      : '<p>Sorry, product reviews are currently unavailable for this book.</p>';
  const session = user
    ? `<p>${escapeHtml(user)} (<a href="/logout">sign out</a>)</p>`
    : '<form method="post" action="/login"><input name="username" placeholder="user"><button>Sign in</button></form>';
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simple Bookstore App</title></head>
<body><h1>Bookinfo Sample</h1>${session}<h2>${product.title}</h2><p>${product.descriptionHtml}</p>
<h3>Book Details</h3>${detailHtml}<h3>Book Reviews</h3>${reviewsHtml}</body></html>
`;
}

function headersFor(call: { headers: NodeJS.Dict<string | string[]> }): {
  user: string | undefined;
  headers: Record<string, string>;
} {
  const headers = forwarded(call.headers);
  const user = userOf(call.headers.cookie as string | undefined) ?? headers['end-user'];
  return { user, headers: user ? { ...headers, 'end-user': user } : headers };
}

serve('productpage', {
  'GET /': () => ({
    text: '<!doctype html><title>Bookinfo</title><p><a href="/productpage">The product page</a></p>\n',
  }),
  'GET /productpage': async (call) => {
    const { user, headers } = headersFor(call);
    const [detail, review] = await Promise.all([
      ask(`${details}/details/${product.id}`, headers),
      askReviews(String(product.id), headers),
    ]);
    return { text: page(user, detail, review) };
  },
  'POST /login': async (call) => {
    const user = new URLSearchParams(await call.body()).get('username') ?? '';
    return {
      status: 302,
      text: '',
      headers: {
        location: '/productpage',
        'set-cookie': `user=${encodeURIComponent(user)}; Path=/; HttpOnly`,
      },
    };
  },
  'GET /logout': () => ({
    status: 302,
    text: '',
    headers: { location: '/productpage', 'set-cookie': 'user=; Path=/; Max-Age=0' },
  }),
  'GET /api/v1/products': async (call) => {
    const [id, part] = call.rest.split('/');
    if (!id) return { json: [product] };
    const { headers } = headersFor(call);
    const result =
      part === 'reviews'
        ? await askReviews(id, headers)
        : await ask(part === 'ratings' ? `${ratings}/ratings/${id}` : `${details}/details/${id}`, headers);
    return { status: result.status, json: result.json };
  },
});
