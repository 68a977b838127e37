/** Facts of a book; `SERVICE_VERSION=v2` would ask an outside service, v1 knows them itself. */
import { serve } from './service.ts';

serve('details', {
  'GET /details': (call) => ({
    json: {
      id: Number(call.rest) || 0,
      author: 'William Shakespeare',
      year: 1595,
      type: 'paperback',
      pages: 200,
      publisher: 'PublisherA',
      language: 'English',
      'ISBN-10': '1234567890',
      'ISBN-13': '123-1234567890',
    },
  }),
});
