//! Webhook endpoints, what became of their messages, and dead letters, on every store.

use crate::carts::refusal;
use crate::desk::check;
use crate::looped::{Floor, on_each};
use cartwright_app::dead_letters::{Bury, DiscardLetter, ReplayLetter, Settle};
use cartwright_app::events;
use cartwright_app::ports::{DELIVERIES_KEPT, Delivery, DeliveryState};
use cartwright_app::shop::Progress;
use cartwright_app::webhooks::{CreateEndpoint, DeleteEndpoint, consumer_of};
use cartwright_app::{Event, Key, Record};
use cartwright_domain::dead_letter::{DeadLetter, Event as LetterEvent, Recorded, State};
use cartwright_domain::webhook::Event as EndpointEvent;
use cartwright_domain::{DeadLetterId, EventId, Refusal, Time, WebhookEndpointId};
use smol_str::SmolStr;
use std::sync::Arc;

fn about(consumer: &str, event: u128, key: &str, attempts: u32) -> Recorded {
    Recorded {
        consumer: consumer.into(),
        event: EventId(event),
        event_type: "order.paid".into(),
        key: key.into(),
        position: 7,
        occurred_at: Time(5),
        correlation: "request".into(),
        entry: "AAAA".into(),
        cause: "no such mailbox".into(),
        attempts,
        first_at: Time(6),
    }
}

#[test]
fn letters_and_endpoints_are_found_by_what_names_them() {
    check(|name, desk| {
        let endpoint = |n| {
            let created = EndpointEvent::Created {
                url: "https://example.com/".into(),
                events: vec!["order.*".into()],
            };
            Event::WebhookEndpoint(WebhookEndpointId(n), created)
        };
        let letter = |n: u128, consumer, key| {
            let recorded = Box::new(about(consumer, n, key, 1));
            Event::DeadLetter(DeadLetterId(n), LetterEvent::Recorded(recorded))
        };
        desk.commit(&[
            endpoint(1),
            endpoint(2),
            letter(1, "mail", "order:a"),
            letter(2, "mail", "order:b"),
            letter(3, "webhook:x", "order:a"),
        ])
        .unwrap();
        desk.agrees(name);
        let page = |consumer, limit| {
            let found = desk.parts.read.list_dead_letters(consumer, &None, limit);
            let found = found.unwrap();
            let ids = found.items.iter().map(|it| match it {
                Record::DeadLetter(it) => it.id.0,
                other => panic!("{other:?}"),
            });
            (ids.collect::<Vec<_>>(), found.next)
        };
        assert_eq!(page(None, 9).0, [1, 2, 3], "{name}");
        let (first, next) = page(Some("mail"), 1);
        assert_eq!(first, [1], "{name}");
        let second = desk.parts.read.list_dead_letters(Some("mail"), &next, 1);
        assert_eq!(second.unwrap().items.len(), 1, "{name}");
        let counts = desk.parts.read.count_dead_letters().unwrap();
        let expected = [("mail".into(), 2), ("webhook:x".into(), 1)];
        assert_eq!(counts, expected, "{name}");
        let listed = desk.parts.read.list_webhook_endpoints(&None, 9).unwrap();
        assert_eq!(listed.items.len(), 2, "{name}");
        desk.commit(&[
            Event::DeadLetter(DeadLetterId(1), LetterEvent::Settled),
            Event::DeadLetter(DeadLetterId(3), LetterEvent::Replaying),
            Event::WebhookEndpoint(WebhookEndpointId(1), EndpointEvent::Deleted),
        ])
        .unwrap();
        desk.agrees(name);
    });
}

#[test]
fn every_event_of_them_reads_back_from_the_log() {
    let cause = SmolStr::new_static("why");
    let letter = |event| Event::DeadLetter(DeadLetterId(9), event);
    let all = [
        letter(LetterEvent::Recorded(Box::new(about(
            "mail", 1, "order:a", 3,
        )))),
        letter(LetterEvent::Replaying),
        letter(LetterEvent::Failed {
            cause: cause.clone(),
        }),
        letter(LetterEvent::Settled),
        letter(LetterEvent::Discarded { reason: cause }),
        Event::WebhookEndpoint(
            WebhookEndpointId(4),
            EndpointEvent::Created {
                url: "https://example.com/".into(),
                events: vec!["*".into(), "stock.*".into()],
            },
        ),
        Event::WebhookEndpoint(WebhookEndpointId(4), EndpointEvent::Deleted),
    ];
    for event in all {
        let entry = cartwright_proto::events::Entry {
            stream: events::stream(&event.key()),
            r#type: events::type_of(&event).to_owned(),
            payload: events::encode(&event),
            ..Default::default()
        };
        assert_eq!(events::decode(&entry).unwrap(), Some(event));
    }
}

#[test]
fn only_the_last_messages_are_remembered_and_none_of_an_endpoint_that_is_gone() {
    check(|name, desk| {
        let id = WebhookEndpointId(1);
        let consumer = consumer_of(id);
        let delivery = |position: u64, state| Delivery {
            position,
            id: format!("evt_{position}").into(),
            name: "order.placed".into(),
            state,
            attempts: 1,
            last: "200".into(),
            next_try: (state == DeliveryState::Pending).then_some(Time(9)),
            at: Time(8),
        };
        let keep = |desk: &crate::desk::Desk, deliveries: &[Delivery], through| {
            let kept = desk
                .parts
                .read
                .keep_deliveries(id, &consumer, through, deliveries);
            kept.unwrap();
        };
        keep(desk, &[delivery(1, DeliveryState::Delivered)], 1);
        let none = desk.parts.read.list_deliveries(id, None, 10).unwrap();
        assert_eq!(none, [], "{name}: there is no such endpoint");
        assert_eq!(desk.parts.read.cursor(&consumer).unwrap(), None, "{name}");
        let created = EndpointEvent::Created {
            url: "https://example.com/".into(),
            events: vec!["*".into()],
        };
        desk.commit(&[Event::WebhookEndpoint(id, created)]).unwrap();
        keep(desk, &[delivery(3, DeliveryState::Pending)], 2);
        keep(desk, &[delivery(3, DeliveryState::Delivered)], 3);
        let one = desk.parts.read.list_deliveries(id, None, 10).unwrap();
        assert_eq!(one, [delivery(3, DeliveryState::Delivered)], "{name}");
        assert_eq!(
            desk.parts.read.cursor(&consumer).unwrap(),
            Some(3),
            "{name}"
        );
        let many = 4..=DELIVERIES_KEPT as u64 + 10;
        let many: Vec<_> = many.map(|at| delivery(at, DeliveryState::Dead)).collect();
        keep(desk, &many, 2_000);
        let all = desk.parts.read.list_deliveries(id, None, 5_000).unwrap();
        assert_eq!(all.len(), DELIVERIES_KEPT, "{name}");
        let newest = DELIVERIES_KEPT as u64 + 10;
        assert_eq!(all[0].position, newest, "{name}: the newest first");
        let before = Some((newest - 1, SmolStr::new_static("evt_0")));
        let next = desk.parts.read.list_deliveries(id, before, 1).unwrap();
        assert_eq!(next[0].position, newest - 2, "{name}");
        desk.commit(&[Event::WebhookEndpoint(id, EndpointEvent::Deleted)])
            .unwrap();
        let gone = desk.parts.read.list_deliveries(id, None, 10).unwrap();
        assert_eq!(gone, [], "{name}");
        assert_eq!(desk.parts.read.cursor(&consumer).unwrap(), None, "{name}");
    });
}

/// All letters of a consumer, oldest first.
fn letters(floor: &Floor, consumer: &str) -> Vec<Arc<DeadLetter>> {
    let found = floor
        .shop
        .store()
        .list_dead_letters(Some(consumer), &None, 99);
    let found = found.unwrap().items.into_iter().map(|it| match it {
        Record::DeadLetter(it) => it,
        other => panic!("{other:?}"),
    });
    found.collect()
}

fn bury(event: u128, key: &str, attempts: u32) -> Bury {
    Bury {
        about: about("mail", event, key, attempts),
        max: 3,
        endpoint: None,
        progress: Some(Progress {
            consumer: "mail".into(),
            through: Some(event as u64),
        }),
    }
}

fn settle(id: DeadLetterId, failure: Option<&str>) -> Settle {
    Settle {
        id,
        failure: failure.map(SmolStr::from),
        progress: None,
    }
}

#[test]
fn an_entry_has_one_letter_and_the_place_moves_with_it() {
    on_each(|name, floor| {
        let place = || floor.shop.store().cursor("mail").unwrap();
        floor.done(bury(11, "order:a", 1));
        assert_eq!(place(), Some(11), "{name}");
        floor.done(bury(11, "order:a", 1));
        assert_eq!(letters(floor, "mail").len(), 1, "{name}");
        let nothing = Bury {
            progress: Some(Progress {
                consumer: "mail".into(),
                through: Some(12),
            }),
            ..bury(11, "order:a", 1)
        };
        floor.done(nothing);
        assert_eq!(place(), Some(12), "{name}: even when nothing is recorded");
    });
}

#[test]
fn what_is_parked_follows_in_order_and_what_is_too_much_goes() {
    use State::{Dead, Parked, Replaying};
    on_each(|name, floor| {
        let stand = || -> Vec<_> {
            let all = letters(floor, "mail");
            all.iter().map(|it| (it.about.event.0, it.state)).collect()
        };
        floor.done(bury(1, "order:a", 4));
        floor.done(bury(2, "order:a", 0));
        floor.done(bury(3, "order:b", 1));
        assert_eq!(stand(), [(1, Dead), (2, Parked), (3, Dead)], "{name}");
        let ids: Vec<_> = letters(floor, "mail").iter().map(|it| it.id).collect();
        let replay = |id| ReplayLetter {
            id,
            expected_version: None,
        };
        let refused = refusal(floor.submit(replay(ids[1]), None));
        assert!(matches!(refused, Refusal::InvalidState { .. }), "{name}");
        // What nobody asked for changes nothing.
        floor.done(settle(ids[0], None));
        floor.done(replay(ids[0]));
        assert_eq!(stand()[0], (1, Replaying), "{name}");
        floor.done(settle(ids[0], Some("still none")));
        let failed = &letters(floor, "mail")[0];
        let told = (failed.state, failed.about.attempts, &*failed.about.cause);
        assert_eq!(told, (Dead, 5, "still none"), "{name}");
        floor.done(replay(ids[0]));
        floor.done(settle(ids[0], None));
        assert_eq!(
            stand(),
            [(2, Replaying), (3, Dead)],
            "{name}: the next follows"
        );
        // What was to wait behind something that is gone by then is tried at once.
        floor.done(bury(4, "order:c", 0));
        assert_eq!(stand()[2], (4, Replaying), "{name}");
        // One too many: the oldest goes, and what waited behind it follows.
        floor.done(bury(5, "order:d", 1));
        assert_eq!(stand(), [(3, Dead), (4, Replaying), (5, Dead)], "{name}");
        let discard = DiscardLetter {
            id: ids[2],
            reason: "nobody wants it".into(),
            expected_version: None,
        };
        floor.done(discard);
        assert_eq!(stand(), [(4, Replaying), (5, Dead)], "{name}");
        let gone = refusal(floor.submit(replay(ids[2]), None));
        assert!(matches!(gone, Refusal::NotFound { .. }), "{name}");
    });
}

#[test]
fn an_endpoint_begins_at_its_creation_and_takes_its_letters_with_it() {
    on_each(|name, floor| {
        let create = |n, max| CreateEndpoint {
            id: WebhookEndpointId(n),
            url: "https://example.com/".into(),
            events: vec!["*".into()],
            max,
            expected_version: None,
        };
        floor.done(create(1, 2));
        let id = WebhookEndpointId(1);
        let consumer = consumer_of(id);
        let head = *floor.shop.head().borrow();
        let place = floor.shop.store().cursor(&consumer).unwrap();
        assert_eq!(place, Some(head), "{name}");
        floor.done(create(2, 2));
        let full = refusal(floor.submit(create(3, 2), None));
        assert!(
            matches!(full, Refusal::InvalidState { state: "full", .. }),
            "{name}"
        );
        let letter = |event| Bury {
            about: about(&consumer, event, "order:a", 1),
            endpoint: Some(id),
            ..bury(event, "order:a", 1)
        };
        floor.done(letter(1));
        assert_eq!(letters(floor, &consumer).len(), 1, "{name}");
        floor.done(DeleteEndpoint {
            id,
            expected_version: None,
        });
        assert_eq!(letters(floor, &consumer), [], "{name}");
        floor.done(letter(2));
        assert_eq!(
            letters(floor, &consumer),
            [],
            "{name}: there is no such endpoint"
        );
        let key = Key::WebhookEndpoint(id);
        assert_eq!(floor.shop.store().load(&key).unwrap(), None, "{name}");
        floor.done(create(3, 2));
    });
}
