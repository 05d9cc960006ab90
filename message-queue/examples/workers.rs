//! Jobs for whoever is free: several workers receive from one queue and send their answers back on
//! it. Run: `cargo run -p message-queue --example workers`
use std::thread;

use message_queue::QueueBroker;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (office, shop) = (QueueBroker::new("office")?, QueueBroker::new("shop")?);

    let workers = thread::spawn(move || {
        let queue = shop.accept(1).expect("the broker is open");
        thread::scope(|scope| {
            for worker in 1..=3 {
                let queue = &queue;
                scope.spawn(move || {
                    for job in queue.iter() {
                        let text = String::from_utf8(job.expect("the office lives")).expect("text");
                        let answer = format!("worker {worker}: {}", text.to_uppercase());
                        queue.send(answer.as_bytes()).expect("the office listens");
                    }
                });
            }
        });
    });

    let queue = office.connect("shop", 1)?;
    let jobs = ["saw", "drill", "paint", "polish", "pack"];
    for job in jobs {
        queue.feed(job.as_bytes())?;
    }
    queue.finish()?; // flushes; the workers hear that there are no more jobs
    let mut answers: Vec<String> = queue
        .iter()
        .map(|answer| Ok(String::from_utf8(answer?)?))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    workers.join().expect("no worker panicked");

    answers.sort();
    for answer in &answers {
        println!("{answer}");
    }
    assert_eq!(answers.len(), jobs.len());
    Ok(())
}
