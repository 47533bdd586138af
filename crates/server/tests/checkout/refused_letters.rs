//! Letters that a mail server refuses for good: they wait for somebody, and other buyers still get theirs.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::support::{eventually, text};
use crate::world::{World, card};

const SOON: Duration = Duration::from_secs(30);

/// A mail server that answers every recipient with one code.
#[derive(Clone, Debug)]
struct Post {
    address: SocketAddr,
    code: Arc<AtomicU16>,
    letters: Arc<Mutex<Vec<String>>>,
}

impl Post {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let it = Self {
            address: listener.local_addr().expect("an address"),
            code: Arc::new(AtomicU16::new(250)),
            letters: Arc::default(),
        };
        let post = it.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let post = post.clone();
                // Whoever hangs up has said all.
                std::thread::spawn(move || post.serve(stream).unwrap_or_default());
            }
        });
        it
    }

    fn letters(&self) -> Vec<String> {
        let letters = self.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream).lines();
        out.write_all(b"220 post\r\n")?;
        while let Some(line) = lines.next().transpose()? {
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            let answer = match verb.to_uppercase().as_str() {
                "RCPT" => {
                    let code = self.code.load(Ordering::SeqCst);
                    format!("{code} <ada@example.com> as it is\r\n")
                }
                "DATA" => {
                    out.write_all(b"354 go on\r\n")?;
                    let mut letter = String::new();
                    for line in lines.by_ref() {
                        let line = line?;
                        if line == "." {
                            break;
                        }
                        letter.push_str(&line);
                        letter.push('\n');
                    }
                    let letters = self.letters.lock();
                    letters.unwrap_or_else(PoisonError::into_inner).push(letter);
                    "250 taken\r\n".to_owned()
                }
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 well\r\n".to_owned(),
            };
            out.write_all(answer.as_bytes())?;
        }
        Ok(())
    }
}

#[test]
fn a_refused_letter_waits_and_is_sent_when_somebody_says_so() {
    let post = Post::start();
    let world = World::with("letters", vec![Gateway::start("a")], |setup| {
        setup
            .argument("--smtp")
            .argument(&format!("smtp://{}", post.address))
            .argument("--mail-from")
            .argument("Shop <shop@example.com>")
    });
    let shop = world.shop();
    let waiting = || -> Vec<Value> {
        let page = shop.get("/v1/dead-letters?consumer=mail").admin().send();
        page.ok()["items"].as_array().expect("items").clone()
    };
    post.code.store(550, Ordering::SeqCst);
    let it = world.purchase(1);
    let request = it.completing(&shop, &it.key, 10, card("tok_visa"));
    request.header("Request-Id", "buyer-5").send().is(200);
    let letter = eventually(SOON, "the letter is put aside", || waiting().pop());
    assert_eq!(
        (&letter["state"], &letter["type"]),
        (&json!("dead"), &json!("order.paid"))
    );
    assert_eq!(letter["correlation_id"], "buyer-5");
    let cause = text(&letter["cause"]);
    assert!(
        cause.contains("550") && !cause.contains("ada@"),
        "{cause}: no person in it"
    );

    // What comes later for the same order waits behind it; other orders do not.
    post.code.store(250, Ordering::SeqCst);
    let order = text(&world.checkout(&it.checkout)["order_id"]);
    let cancel = shop.post(&format!("/v1/orders/{order}/cancel")).admin();
    cancel.json(json!({})).send().succeeded();
    let other = world.purchase(1);
    world.complete(&other, 10, card("tok_visa")).is(200);
    eventually(SOON, "the other buyer gets a letter", || {
        (post.letters().len() == 1).then_some(())
    });
    // The refund's letter comes after its provider's answer.
    eventually(SOON, "both letters wait", || {
        let waiting = waiting();
        let states: Vec<_> = waiting.iter().map(|it| text(&it["state"])).collect();
        (states == ["dead", "parked", "parked"]).then_some(())
    });

    let id = text(&letter["id"]);
    let replay = shop.post(&format!("/v1/dead-letters/{id}/replay")).admin();
    replay.json(json!({})).send().is(200);
    eventually(SOON, "all follow", || waiting().is_empty().then_some(()));
    let letters = post.letters();
    assert_eq!(letters.len(), 4, "{letters:#?}");
    assert!(
        letters[1].contains("Thank you for your order"),
        "{}",
        letters[1]
    );
    assert!(
        letters[1].contains("Correlation-Id: buyer-5"),
        "{}",
        letters[1]
    );
    assert!(letters[2].contains("was cancelled"), "{}", letters[2]);
    world.replays();
}
