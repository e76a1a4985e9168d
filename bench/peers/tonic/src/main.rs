//! tonic-health: `server PORT`. `a.B` is SERVING; SIGUSR2 toggles it.
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Server;
use tonic_health::ServingStatus;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("which port?")?.parse()?;
    let mut signals = signal(SignalKind::user_defined2())?;
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("a.B", ServingStatus::Serving).await;
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
