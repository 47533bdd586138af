//! Creating, changing, pricing, archiving, listing.

use crate::floor::*;
use cartwright_app::Key;
use cartwright_app::catalog::{
    ArchiveProduct, Change, CreateProduct, Filter, PatchProduct, SetPrice, find_product,
    find_product_of, list_products, peek_product,
};
use cartwright_domain::catalog::{Draft, Product, Status};
use cartwright_domain::{Refusal, Slug};
use std::collections::BTreeSet;

/// The change to this draft, whatever the product is.
#[derive(Debug)]
struct To(Draft);

impl Change for To {
    fn draft(&self, _: &Product) -> Result<Draft, Refusal> {
        Ok(self.0.clone())
    }
}

fn patch(name: &str, version: Option<u64>, draft: Draft) -> PatchProduct {
    PatchProduct {
        id: id(name),
        change: Box::new(To(draft)),
        expected_version: version,
    }
}

#[test]
fn products_of_one_name_get_different_slugs() {
    let floor = Floor::new();
    let slugs: Vec<_> = (0..130)
        .map(|n| {
            let mut create = new_product("Mug", &[&format!("M{n}")]);
            create.id = None;
            product(floor.create(create)).data.slug.to_string()
        })
        .collect();
    assert_eq!(slugs[..3], ["mug", "mug-2", "mug-3"]);
    assert_eq!(slugs[99], "mug-100");
    assert_eq!(slugs.iter().collect::<BTreeSet<_>>().len(), 130);
    assert!(
        slugs[100].starts_with("mug-") && slugs[100].len() == 30,
        "{}",
        slugs[100]
    );
}

#[test]
fn names_that_are_taken_are_refused_and_leave_nothing() {
    let floor = Floor::new();
    floor.create(new_product("Mug", &["A", "B"])).unwrap();
    let mut other = new_product("Cup", &["C"]);
    other.slug = Slug::new("mug").ok();
    let rows = [
        (new_product("Mug", &["X"]), "product", "mug"),
        (other, "slug", "mug"),
        (new_product("Cup", &["X", "B"]), "variant", "B"),
    ];
    for (create, resource, name) in rows {
        let refused = floor.create(create).unwrap_err();
        assert_eq!(
            refused,
            Refusal::AlreadyExists {
                resource,
                id: name.to_owned()
            }
        );
    }
    assert_eq!(floor.find(Key::Product(id("cup"))), None);
    assert_eq!(floor.find(Key::Sku(sku("X"))), None);
}

#[test]
fn a_creation_may_expect_that_there_is_nothing() {
    let floor = Floor::new();
    let create = || CreateProduct {
        create: new_product("Mug", &["A"]),
        made_id: id("made"),
        expected_version: Some(0),
    };
    assert!(floor.submit(create()).unwrap().created);
    assert_eq!(
        floor.submit(create()).unwrap_err(),
        Refusal::VersionConflict { current: 1 }
    );
}

#[test]
fn a_patch_needs_the_product_and_its_version() {
    let floor = Floor::new();
    assert_eq!(
        floor
            .submit(patch("mug", None, draft("Mug", &["A"])))
            .unwrap_err(),
        Refusal::not_found("product", "mug")
    );
    floor.create(new_product("Mug", &["A"])).unwrap();
    let refused = |version| {
        floor
            .submit(patch("mug", version, draft("Cup", &["A"])))
            .unwrap_err()
    };
    assert_eq!(refused(None), Refusal::VersionRequired);
    assert_eq!(refused(Some(7)), Refusal::VersionConflict { current: 1 });
    let same = floor
        .submit(patch("mug", Some(1), draft("Mug", &["A"])))
        .unwrap();
    assert!(!same.changed);
    let renamed = product(floor.submit(patch("mug", Some(1), draft("Cup", &["A"]))));
    assert_eq!((renamed.version, renamed.data.slug.as_str()), (2, "cup"));
    assert_eq!(floor.find(Key::Slug(Slug::new("mug").unwrap())), None);
}

#[test]
fn a_sku_with_stock_stays_and_a_free_one_can_move() {
    let floor = Floor::new();
    floor.store("main");
    floor.create(new_product("Mug", &["A", "B"])).unwrap();
    floor.create(new_product("Cup", &["C"])).unwrap();
    floor.adjust("B", "main", 1);
    let fewer = || floor.submit(patch("mug", Some(1), draft("Mug", &["A"])));
    assert!(matches!(
        fewer(),
        Err(Refusal::InvalidState {
            state: "in_use",
            ..
        })
    ));
    let stolen = floor.submit(patch("cup", Some(1), draft("Cup", &["C", "B"])));
    assert!(matches!(
        stolen,
        Err(Refusal::AlreadyExists {
            resource: "variant",
            ..
        })
    ));
    floor.adjust("B", "main", -1);
    assert_eq!(product(fewer()).version, 2);
    floor
        .submit(patch("cup", Some(1), draft("Cup", &["C", "B"])))
        .unwrap();
    let owner = floor
        .threads
        .block_on(find_product_of(&floor.shop, &sku("B")))
        .unwrap();
    assert_eq!(owner.map(|owner| owner.id.clone()), Some(id("cup")));
}

#[test]
fn an_archived_product_stays_known() {
    let floor = Floor::new();
    let archive = || ArchiveProduct {
        id: id("mug"),
        expected_version: None,
    };
    assert_eq!(
        floor.submit(archive()).unwrap_err(),
        Refusal::not_found("product", "mug")
    );
    floor.create(new_product("Mug", &["A"])).unwrap();
    for _ in 0..2 {
        let archived = product(floor.submit(archive()));
        assert_eq!(
            (archived.data.status, archived.version),
            (Status::Archived, 2)
        );
    }
}

#[test]
fn a_price_raises_the_variant_and_its_product() {
    let floor = Floor::new();
    floor.create(new_product("Mug", &["A", "B"])).unwrap();
    let set = |name: &str, version, minor| {
        floor.submit(SetPrice {
            sku: sku(name),
            price: usd(minor),
            expected_version: version,
        })
    };
    assert_eq!(
        set("X", Some(1), 1).unwrap_err(),
        Refusal::not_found("variant", "X")
    );
    assert_eq!(set("A", None, 1).unwrap_err(), Refusal::VersionRequired);
    let priced = product(set("A", Some(1), 900));
    let versions: Vec<_> = priced
        .variants
        .iter()
        .map(|variant| variant.version)
        .collect();
    assert_eq!((priced.version, versions), (2, vec![2, 1]));
    assert!(!set("A", Some(2), 900).unwrap().changed);
}

#[test]
fn an_id_comes_before_a_slug_of_the_same_text() {
    let floor = Floor::new();
    floor.create(new_product("Mug", &["A"])).unwrap();
    let find = |name: &str| {
        let found = floor
            .threads
            .block_on(find_product(&floor.shop, name))
            .unwrap();
        assert_eq!(
            peek_product(&floor.shop, name),
            Some(found.clone()),
            "{name}"
        );
        found.map(|product| product.id.to_string())
    };
    let mut cup = new_product("Cup", &["B"]);
    let slug = Slug::new("the-cup").unwrap();
    cup.draft = cup.draft.with_slug(slug.clone());
    cup.slug = Some(slug);
    floor.create(cup).unwrap();
    assert_eq!(find("the-cup").as_deref(), Some("cup"));
    let mut other = new_product("Other", &["C"]);
    other.id = Some(id("the-cup"));
    floor.create(other).unwrap();
    assert_eq!(find("the-cup").as_deref(), Some("the-cup"));
    assert_eq!(find("no such"), None);
    assert_eq!(find("nothing"), None);
}

#[test]
fn lists_page_by_id_without_losing_or_repeating() {
    let floor = Floor::new();
    for n in 0..25 {
        let mut create = new_product(&format!("p{n:02}"), &[&format!("S{n}")]);
        let mut data = create.draft.data().clone();
        if n % 2 == 1 {
            data.status = Status::Draft;
            data.brand = None;
        }
        let variants = create.draft.variants().to_vec();
        create.draft = Draft::new(data, variants).unwrap();
        floor.create(create).unwrap();
    }
    let pages = |filter: &Filter, limit: usize| {
        let (mut ids, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = list_products(&floor.shop, filter.clone(), after, limit);
            let page = floor.threads.block_on(page).unwrap();
            assert!(page.items.len() <= limit);
            ids.extend(page.items.iter().map(|product| product.id.to_string()));
            pages += 1;
            after = page.next;
            if after.is_none() {
                return (ids, pages);
            }
        }
    };
    let expected = |step: usize, from: usize| {
        (from..25)
            .step_by(step)
            .map(|n| format!("p{n:02}"))
            .collect::<Vec<_>>()
    };
    let public = Filter {
        public: true,
        ..Filter::default()
    };
    let drafts = Filter {
        status: Some(Status::Draft),
        ..Filter::default()
    };
    let branded = Filter {
        brand: Some("Potter".into()),
        category: Some("kitchen".into()),
        ..Filter::default()
    };
    for limit in [1, 4, 13, 200] {
        assert_eq!(
            pages(&Filter::default(), limit).0,
            expected(1, 0),
            "{limit}"
        );
        assert_eq!(pages(&public, limit).0, expected(2, 0), "{limit}");
        assert_eq!(pages(&drafts, limit).0, expected(2, 1), "{limit}");
        assert_eq!(pages(&branded, limit).0, expected(2, 0), "{limit}");
    }
    assert_eq!(pages(&Filter::default(), 25).1, 1);
    let hidden = Filter {
        public: true,
        status: Some(Status::Draft),
        ..Filter::default()
    };
    assert_eq!(pages(&hidden, 5).0, Vec::<String>::new());
}
