//! Determines a request's client: the peer, or the address that a trusted proxy sends.

use poem::{Endpoint, Request, Response, Result};

use crate::http::client::TrustedProxies;

pub(super) struct ClientAddress<E> {
    pub(super) next: E,
    pub(super) proxies: TrustedProxies,
}

impl<E: Endpoint<Output = Response>> Endpoint for ClientAddress<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let client = self.proxies.client_of(&request);
        request.set_data(client);
        self.next.call(request).await
    }
}
