//! tonic-health: `server PORT`. `a.B` is SERVING; SIGUSR2 toggles it. On its input it is a control program of the
//! conformance tool: `set NAME STATUS` and `clear NAME`.
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Answers after the change is made: a thread of its own reads the input.
fn obey(mut reporter: HealthReporter, runtime: Handle) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["set", name, "SERVING"] => runtime.block_on(reporter.set_service_status(name, ServingStatus::Serving)),
            ["set", name, _] => runtime.block_on(reporter.set_service_status(name, ServingStatus::NotServing)),
            ["clear", name] => runtime.block_on(reporter.clear_service_status(name)),
            _ => {}
        }
        println!("ok");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("which port?")?.parse()?;
    let mut signals = signal(SignalKind::user_defined2())?;
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("a.B", ServingStatus::Serving).await;
    let (controlled, runtime) = (reporter.clone(), Handle::current());
    std::thread::spawn(move || obey(controlled, runtime));
    tokio::spawn(async move {
        let mut serving = true;
        while signals.recv().await.is_some() {
            serving = !serving;
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            reporter.set_service_status("a.B", status).await;
        }
    });
    Server::builder().add_service(service).serve(([127, 0, 0, 1], port).into()).await?;
    Ok(())
}
