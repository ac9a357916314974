"""Sends documents with the bulk helper of opensearch-py."""

from opensearchpy import OpenSearch, helpers

from documents import documents
from records import URL

with OpenSearch(URL, http_compress=True) as client:
    helpers.bulk(client, documents(), index="shop")
