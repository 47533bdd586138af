//! Counters of gRPC calls: rate, outcome and duration per method, as HTTP has them per route.

use crate::http::metrics::{BOUNDS_MICROS, write_histogram};
use cartwright_proto::FILE_DESCRIPTOR_SET;
use http::Response;
use prost_reflect::DescriptorPool;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tonic::{Code, Status};

/// The codes of gRPC by their number, as they are spelled everywhere.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Counters of one method.
#[derive(Debug, Default)]
struct MethodCounts {
    by_code: [AtomicU64; CODES.len()],
    by_duration: [AtomicU64; BOUNDS_MICROS.len() + 1],
    nanos: AtomicU64,
}

/// Counters of every method that is served; the last counts what is none of them (health, reflection, unknown ones).
#[derive(Debug)]
pub struct GrpcMetrics {
    places: HashMap<String, usize>,
    methods: Vec<(String, MethodCounts)>,
}

impl GrpcMetrics {
    /// For the methods of these services, by their full names.
    pub(crate) fn new(services: &BTreeSet<String>) -> Result<Self, String> {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|it| it.to_string())?;
        let served = pool
            .services()
            .filter(|service| services.contains(service.full_name()));
        let names = served.flat_map(|service| {
            let methods: Vec<_> = service
                .methods()
                .map(|method| format!("{}/{}", service.full_name(), method.name()))
                .collect();
            methods
        });
        let names: Vec<String> = names.chain(["-".to_owned()]).collect();
        Ok(Self {
            places: names
                .iter()
                .enumerate()
                .map(|(place, name)| (format!("/{name}"), place))
                .collect(),
            methods: names
                .into_iter()
                .map(|name| (name, MethodCounts::default()))
                .collect(),
        })
    }

    /// Where the method of a path is counted.
    pub(crate) fn place(&self, path: &str) -> usize {
        self.places
            .get(path)
            .copied()
            .unwrap_or(self.methods.len() - 1)
    }

    /// Counts a call. Its code stands in the headers of a refusal; a reply with a message has none there.
    pub(crate) fn count<B>(&self, place: usize, response: &Response<B>, nanos: u64) {
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |it| it.code());
        let (_, counts) = &self.methods[place];
        counts.by_code[code as usize].fetch_add(1, Relaxed);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < nanos / 1000);
        counts.by_duration[bucket].fetch_add(1, Relaxed);
        counts.nanos.fetch_add(nanos, Relaxed);
    }

    /// `(calls, calls that failed inside)`.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let failed = [
            Code::Unknown,
            Code::Internal,
            Code::Unavailable,
            Code::DataLoss,
        ];
        self.methods.iter().fold((0, 0), |(all, bad), (_, it)| {
            let calls: u64 = it.by_code.iter().map(|count| count.load(Relaxed)).sum();
            let wrong: u64 = failed
                .iter()
                .map(|code| it.by_code[*code as usize].load(Relaxed))
                .sum();
            (all + calls, bad + wrong)
        })
    }

    /// All of it for Prometheus.
    pub(crate) fn write(&self, out: &mut String) -> std::fmt::Result {
        let name = "cartwright_grpc_requests_total";
        writeln!(
            out,
            "# HELP {name} Calls by method and status.\n# TYPE {name} counter"
        )?;
        for (method, counts) in &self.methods {
            for (code, count) in CODES.iter().zip(&counts.by_code) {
                let count = count.load(Relaxed);
                if count > 0 {
                    writeln!(
                        out,
                        "{name}{{method=\"{method}\",status=\"{code}\"}} {count}"
                    )?;
                }
            }
        }
        let name = "cartwright_grpc_request_duration_seconds";
        writeln!(
            out,
            "# HELP {name} Time from headers read to reply ready.\n# TYPE {name} histogram"
        )?;
        for (method, counts) in &self.methods {
            let labels = format!("method=\"{method}\"");
            write_histogram(out, name, &labels, &counts.by_duration, &counts.nanos)?;
        }
        Ok(())
    }
}
