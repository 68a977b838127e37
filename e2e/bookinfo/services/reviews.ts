/** Reviews of a book. v1 has no stars, v2 black ones, v3 red ones, asked of the ratings service. */
import { forwarded, serve } from './service.ts';

const version = process.env.SERVICE_VERSION ?? 'v1';
const color = { v2: 'black', v3: 'red' }[version];
const ratings = process.env.RATINGS_URL ?? 'http://ratings:9080';

async function starsOf(
  id: string,
  headers: Record<string, string>,
): Promise<(number | undefined)[] | undefined> {
  // The stars' own timeout: reviews without them are better than none.
  const timeoutMs = color === 'black' ? 10_000 : 2500;
  try {
    const response = await fetch(`${ratings}/ratings/${id}`, {
      headers,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) return undefined;
    const answer = (await response.json()) as { ratings: Record<string, number> };
    return [answer.ratings.Reviewer1, answer.ratings.Reviewer2];
  } catch {
    return undefined; // shown as "Ratings service is currently unavailable"
  }
}

serve('reviews', {
  'GET /reviews': async (call) => {
    const id = call.rest || '0';
    const stars = color ? await starsOf(id, forwarded(call.headers)) : undefined;
    const rating = (index: number): object => {
      if (!color) return {};
      const count = stars?.[index];
      if (count === undefined) return { rating: { error: 'Ratings service is currently unavailable' } };
      return { rating: { stars: count, color } };
    };
    return {
      json: {
        id,
        podname: `reviews-${version}`,
        reviews: [
          {
            reviewer: 'Reviewer1',
            text: 'An extremely entertaining play. The slapstick humour is refreshing!',
            ...rating(0),
          },
          {
            reviewer: 'Reviewer2',
            text: 'Absolutely fun. Lacks thematic depth next to the other plays.',
            ...rating(1),
          },
        ],
      },
    };
  },
});
