//! The topics of a cluster, as reported by Kafka's own tools.

use crate::{Cluster, compose};

/// A partition of the topic, and the progress of the consumer group on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The number of the partition.
    pub number: i32,
    /// The committed offset; 0 if there is none.
    pub committed: i64,
    /// The end offset.
    pub end: i64,
    /// The consumer that the partition is assigned to, or `-`.
    pub member: String,
}

impl Cluster {
    /// The partitions that the consumer group has offsets or members for, in order.
    #[must_use]
    pub fn partitions(&self) -> Vec<Partition> {
        let described = tool("kafka-consumer-groups.sh", &["--describe", "--group", self.name()]);
        let mut partitions: Vec<Partition> =
            described.lines().filter_map(|line| partition(line, self.name())).collect();
        partitions.sort_by_key(|partition| partition.number);
        partitions
    }

    /// Makes the consumer group read the topic from its beginning. Kafka refuses this while the group
    /// has members.
    pub fn rewind(&self) {
        let of_topic = ["--group", self.name(), "--topic", self.name()];
        let reset = ["--reset-offsets", "--to-earliest", "--execute"];
        tool("kafka-consumer-groups.sh", &[&reset[..], &of_topic].concat());
    }

    /// The names of the topics and their partition counts.
    #[must_use]
    pub fn topics(&self) -> Vec<(String, u32)> {
        let topics = format!("{}.*", self.name());
        let described = tool("kafka-topics.sh", &["--describe", "--topic", &topics]);
        let after = |line: &str, label: &str| {
            let (_, value) = line.split_once(label)?;
            value.split_whitespace().next().map(str::to_owned)
        };
        let mut topics: Vec<(String, u32)> = described
            .lines()
            .filter_map(|line| {
                let partitions = after(line, "PartitionCount:")?;
                Some((after(line, "Topic:")?, partitions.parse().unwrap()))
            })
            .collect();
        topics.sort();
        topics
    }

    /// The first records of the topic, each with its source: `partition/offset`.
    #[must_use]
    pub fn records(&self, count: usize) -> Vec<(String, String)> {
        let count = count.to_string();
        let printed = ["print.partition=true", "print.offset=true"];
        let mut arguments = vec!["--topic", self.name(), "--from-beginning"];
        arguments.extend(["--timeout-ms", "10000", "--max-messages", &count]);
        arguments.extend(printed.iter().flat_map(|print| ["--formatter-property", print]));
        let text = tool("kafka-console-consumer.sh", &arguments);
        // A record may span several lines, so records are split at the `Partition:` labels.
        let records = text.split("Partition:").skip(1).map(|record| {
            let (partition, record) = record.split_once("\tOffset:").unwrap();
            let (offset, value) = record.split_once('\t').unwrap();
            (format!("{partition}/{offset}"), value.trim_end_matches('\n').to_owned())
        });
        records.collect()
    }
}

/// Parses `GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID …`.
fn partition(line: &str, topic: &str) -> Option<Partition> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, name, number, committed, end, _, member, ..] = words[..] else { return None };
    (name == topic).then(|| Partition {
        number: number.parse().unwrap(),
        committed: committed.parse().unwrap_or_default(),
        end: end.parse().unwrap(),
        member: member.to_owned(),
    })
}

fn tool(name: &str, arguments: &[&str]) -> String {
    let script = format!("/opt/kafka/bin/{name}");
    let command = ["exec", "-T", "kafka", &script, "--bootstrap-server", "localhost:9092"];
    let output = compose(&[&command, arguments].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
