//! Where a message and the JSON of its route differ by more than spelling.

use crate::problem::Problem;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// They do not.
pub(super) fn plain(_: &mut Object) -> Result<(), Problem> {
    Ok(())
}

/// Lifts the fields of an inner message to the top.
fn lift(object: &mut Object, name: &str) {
    if let Some(Value::Object(inner)) = object.remove(name) {
        object.extend(inner);
    }
}

/// `CreateProductRequest.product` is the body.
pub(super) fn flat_product(object: &mut Object) -> Result<(), Problem> {
    lift(object, "product");
    Ok(())
}

/// `AddCartLineRequest.line` is the body.
pub(super) fn flat_line(object: &mut Object) -> Result<(), Problem> {
    lift(object, "line");
    Ok(())
}

/// `SetPriceRequest.price` is the currency of the path and the amount of the body.
pub(super) fn price(object: &mut Object) -> Result<(), Problem> {
    if !object.contains_key("price") {
        return Err(Problem::invalid("price", "required", "send the price"));
    }
    lift(object, "price");
    Ok(())
}

/// `AvailabilityRequest.skus` is the repeated query parameter `sku`.
pub(super) fn sku_list(object: &mut Object) -> Result<(), Problem> {
    if let Some(skus) = object.remove("skus") {
        object.insert("sku".into(), skus);
    }
    Ok(())
}

/// `SEARCH_SORT_PRICE_DESCENDING` is `-price`.
pub(super) fn sorted(object: &mut Object) -> Result<(), Problem> {
    if object.get("sort") == Some(&json!("price_descending")) {
        object.insert("sort".into(), json!("-price"));
    }
    Ok(())
}

/// `UpdateProductRequest` is a merge patch: the fields of the mask, `null` for those that are
/// absent; without a mask those that are present.
pub(super) fn merge_patch(object: &mut Object) -> Result<(), Problem> {
    let mut product = match object.remove("product") {
        Some(Value::Object(product)) => product,
        _ => Object::new(),
    };
    let id = product.remove("id");
    if id.is_some_and(|id| Some(&id) != object.get("id")) {
        let detail = "a product keeps its id; leave product.id out";
        return Err(Problem::invalid("product.id", "malformed", detail));
    }
    let mask = match object.remove("update_mask") {
        Some(Value::Object(mut mask)) => mask.remove("paths"),
        _ => None,
    };
    let Some(Value::Array(paths)) = mask.filter(|paths| *paths != json!([])) else {
        product.retain(|_, value| *value != json!([]) && *value != json!({}));
        object.extend(product);
        return Ok(());
    };
    for path in paths {
        let path = path.as_str().unwrap_or_default();
        // These two are no fields of the product and would mean something else in the body.
        if path.contains('.') || matches!(path, "id" | "expected_version") {
            let detail = format!("{path} cannot be updated by itself; name a field of the product");
            return Err(Problem::invalid("update_mask", "malformed", detail));
        }
        let value = product.remove(path).unwrap_or(Value::Null);
        object.insert(path.to_owned(), value);
    }
    Ok(())
}

/// The names in `UpdateCheckoutRequest.clear` are `null` in the merge patch.
pub(super) fn cleared(object: &mut Object) -> Result<(), Problem> {
    const FIELDS: [&str; 5] = [
        "email",
        "shipping_address",
        "billing_address",
        "shipping_option",
        "hold",
    ];
    let Some(Value::Array(names)) = object.remove("clear") else {
        return Ok(());
    };
    for name in names {
        let name = name.as_str().unwrap_or_default();
        if !FIELDS.contains(&name) {
            let detail = format!("expected names out of {}", FIELDS.join(", "));
            return Err(Problem::invalid("clear", "unknown", detail));
        }
        object.insert(name.to_owned(), Value::Null);
    }
    Ok(())
}

fn drop_empty(object: &mut Object, name: &str) {
    if object.get(name) == Some(&json!([])) {
        object.remove(name);
    }
}

/// No lines are absent ones: all of them.
pub(super) fn some_lines(object: &mut Object) -> Result<(), Problem> {
    drop_empty(object, "lines");
    Ok(())
}

/// No parts are absent ones: it is paid with one method.
pub(super) fn some_parts(object: &mut Object) -> Result<(), Problem> {
    if let Some(Value::Object(payment)) = object.get_mut("payment") {
        drop_empty(payment, "parts");
    }
    Ok(())
}

/// `RefundOrderRequest.all_shipping` is `shipping` without an amount; no lines are absent ones.
pub(super) fn refund(object: &mut Object) -> Result<(), Problem> {
    drop_empty(object, "lines");
    if let Some(all) = object.remove("all_shipping") {
        object.insert("shipping".into(), all);
    }
    Ok(())
}

/// The facets by name of the field: `category`, `brand`, `option:<name>`, `in_stock`.
pub(super) fn facets(object: &mut Object) {
    let Some(Value::Object(mut found)) = object.remove("facets") else {
        return;
    };
    let mut facets = Vec::new();
    for (name, field) in [("categories", "category"), ("brands", "brand")] {
        if let Some(values) = found.remove(name) {
            facets.push(json!({"field": field, "values": values}));
        }
    }
    if let Some(Value::Array(options)) = found.remove("options") {
        for mut option in options {
            let field = format!("option:{}", option["name"].as_str().unwrap_or_default());
            facets.push(json!({"field": field, "values": option["values"].take()}));
        }
    }
    let stock = [("true", "in_stock"), ("false", "out_of_stock")];
    let stock = stock.map(|(value, name)| json!({"value": value, "count": found.remove(name)}));
    facets.push(json!({"field": "in_stock", "values": stock}));
    object.insert("facets".into(), Value::Array(facets));
}

/// All of an explanation but the id and the version is `rules`.
pub(super) fn explained(object: &mut Object) {
    let (id, version) = (object.remove("id"), object.remove("version"));
    let rules = std::mem::take(object);
    object.insert("id".into(), id.unwrap_or_default());
    object.insert("version".into(), version.unwrap_or_default());
    object.insert("rules".into(), Value::Object(rules));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shape: super::super::methods::Ask, from: Value, to: Value) {
        let Value::Object(mut object) = from else {
            unreachable!("rows are objects");
        };
        shape(&mut object).expect("the row is allowed");
        assert_eq!(Value::Object(object), to);
    }

    #[test]
    fn an_update_is_a_merge_patch_of_its_mask() {
        let product = json!({"name": "N", "brand": "B", "categories": [], "images": ["u"]});
        check(
            merge_patch,
            json!({"id": "p", "product": product, "expected_version": 2}),
            json!({"id": "p", "expected_version": 2, "name": "N", "brand": "B", "images": ["u"]}),
        );
        let mask = json!({"paths": ["categories", "description", "name"]});
        check(
            merge_patch,
            json!({"id": "p", "product": product, "update_mask": mask}),
            json!({"id": "p", "categories": [], "description": null, "name": "N"}),
        );
        let other = json!({"id": "p", "product": {"id": "q"}});
        let refused = merge_patch(&mut other.as_object().expect("an object").clone());
        assert_eq!(refused.expect_err("the id").code, "invalid");
    }

    #[test]
    fn a_checkout_s_fields_go_back_by_name() {
        check(
            cleared,
            json!({"id": "c", "hold": true, "clear": ["email", "shipping_option"]}),
            json!({"id": "c", "hold": true, "email": null, "shipping_option": null}),
        );
        let other = json!({"id": "c", "clear": ["id"]});
        let refused = cleared(&mut other.as_object().expect("an object").clone());
        assert_eq!(refused.expect_err("the id").code, "invalid");
    }

    #[test]
    fn empty_lists_are_absent_where_that_means_something_else() {
        check(
            some_lines,
            json!({"id": "r", "lines": []}),
            json!({"id": "r"}),
        );
        check(
            some_parts,
            json!({"payment": {"method": "card", "parts": []}}),
            json!({"payment": {"method": "card"}}),
        );
        check(
            refund,
            json!({"lines": [], "all_shipping": true}),
            json!({"shipping": true}),
        );
    }

    #[test]
    fn facets_name_their_field() {
        let count = json!([{"value": "v", "count": 2}]);
        let mut page = json!({"facets": {
            "categories": count, "brands": [], "in_stock": 2, "out_of_stock": 1,
            "options": [{"name": "size", "values": count}],
        }});
        facets(page.as_object_mut().expect("an object"));
        let fields = page["facets"].as_array().expect("a list").iter();
        let fields: Vec<_> = fields.map(|facet| &facet["field"]).collect();
        assert_eq!(fields, ["category", "brand", "option:size", "in_stock"]);
    }
}
