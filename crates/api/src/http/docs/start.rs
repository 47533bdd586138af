//! The start page: what runs here and where to go on.

use super::html;
use cartwright_app::Fault;
use cartwright_app::ports::ReadStore;

/// How many there are, counted up to [`MOST`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    products: usize,
    stores: usize,
}

/// Counting stops here, so that the page stays cheap.
const MOST: usize = 1000;

/// Counts what there is.
pub(super) fn count(read: &dyn ReadStore) -> Result<Counts, Fault> {
    Ok(Counts {
        products: read.list_products(&None, MOST)?.items.len(),
        stores: read.list_stores(&None, MOST)?.items.len(),
    })
}

fn number(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        MOST.. => format!("{MOST} or more {many}"),
        some => format!("{some} {many}"),
    }
}

/// The page. `host` is what the caller calls this server.
pub(super) fn page(counts: Counts, ready: bool, host: &str) -> String {
    let state = if ready {
        "ready"
    } else {
        "up, and takes no writes at the moment"
    };
    let main = format!(
        "<h1>The shop is {state}</h1><p>{} in {}.</p>\
         <ul class=\"cards\">\
         <li><a href=\"/docs\">Routes</a><br>What can be asked, by whom, and what comes back.</li>\
         <li><a href=\"/docs/errors\">Errors</a><br>What each code means and what to do.</li>\
         <li><a href=\"/openapi.json\">OpenAPI 3.1</a><br>The same for programs.</li>\
         <li><a href=\"/v1/products\">Products</a><br>The catalogue as JSON.</li>\
         <li><a href=\"/health/readiness\">Readiness</a><br>How each dependency is.</li>\
         <li><a href=\"/metrics\">Metrics</a><br>For Prometheus; needs a key with scope <code>ops</code>.</li>\
         </ul>\
         <h2>A first request</h2><pre>curl -s \"http://{}/v1/products?limit=2\"</pre>\
         <p class=\"soft\">Writes need <code>Authorization: Bearer &lt;key&gt;</code>; the first key was printed at the first start. \
         Version {}.</p>",
        number(counts.products, "product", "products"),
        number(counts.stores, "store or warehouse", "stores and warehouses"),
        html::escape(host),
        env!("CARGO_PKG_VERSION"),
    );
    html::page("Cartwright", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_there_is_and_shows_the_callers_own_address() {
        let counts = Counts {
            products: 63,
            stores: 1,
        };
        let shown = page(counts, true, "shop.example\"><b>");
        assert!(shown.contains("The shop is ready") && shown.contains("63 products in 1 store"));
        assert!(shown.contains("http://shop.example&quot;&gt;&lt;b&gt;/v1/products"));
        assert!(page(counts, false, "x").contains("takes no writes"));
        assert_eq!(number(MOST, "one", "many"), "1000 or more many");
    }
}
