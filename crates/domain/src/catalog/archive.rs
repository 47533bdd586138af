//! Taking a product out of sale. It stays known: carts, orders and stock go on naming it.

use super::{Event, Product, Status};

/// Archives the product; `None` when it is archived already.
pub fn archive(current: &Product) -> Option<Event> {
    if current.data.status == Status::Archived {
        return None;
    }
    let mut data = Box::new(current.data.clone());
    data.status = Status::Archived;
    let variants = current
        .variants
        .iter()
        .map(|variant| variant.data.clone())
        .collect();
    Some(Event::Put { data, variants })
}

#[cfg(test)]
mod tests {
    use super::super::samples::product;
    use super::*;
    use crate::Time;
    use crate::entity::Entity;
    use std::sync::Arc;

    #[test]
    fn archives_once_and_keeps_everything_else() {
        let before = product();
        let mut state = Some(Arc::new(before.clone()));
        let event = archive(&before);
        event
            .iter()
            .for_each(|event| Product::apply(&mut state, &before.id, event, Time(7)));
        let mut expected = before;
        expected.data.status = Status::Archived;
        (expected.version, expected.updated_at) = (2, Time(7));
        assert_eq!(state.as_deref(), Some(&expected));
        assert_eq!(archive(&expected), None);
    }
}
