"""Sends documents with ids twice with the bulk helper of elasticsearch-py, as after a lost response."""

from uuid import uuid4

from elasticsearch import Elasticsearch, helpers

from documents import documents
from records import URL

actions = [{"_op_type": "create", "_index": "shop", "_id": str(uuid4()), **document} for document in documents()]
with Elasticsearch(f"{URL}/elastic") as client:
    helpers.bulk(client, actions)
    helpers.bulk(client, actions)
