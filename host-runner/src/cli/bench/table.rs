//! The table of one board's figures: a column per link.
//!
//! Must not: measure, or print.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::bench::{BothWays, Figures, Percentiles};
use crate::report::Paint;

/// Width of the names of rows.
const NAMES: usize = 20;
/// Width of the figures if there is one column.
const ALONE: usize = 30;

/// What was measured over one link.
pub(super) struct Column {
    pub(super) figures: Figures,
    /// Where its raw samples are.
    pub(super) dir: PathBuf,
}

/// A row: what it is about, its value in every column, and what that means.
struct Row {
    name: &'static str,
    values: Vec<String>,
    meaning: &'static str,
}

/// The table of one board; of no columns it is empty.
pub(super) fn table(columns: &[Column], paint: Paint) -> String {
    let Some(Column { figures: first, .. }) = columns.first() else {
        return String::new();
    };
    let side_by_side = columns.len() > 1;
    let emulated = if first.emulated {
        ", emulated: says little about silicon"
    } else {
        ""
    };
    // Only the links differ; a board that did not start over one of them is known from another.
    let known = |of: fn(&Figures) -> Option<&String>| {
        let mut all = columns.iter().filter_map(|column| of(&column.figures));
        all.next().map_or("unknown", String::as_str)
    };
    let link = if side_by_side {
        String::new()
    } else {
        format!(", link {}", known(|figures| figures.link.as_ref()))
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} (port {}{link}, lan {}{emulated})",
        paint.bold(&first.board),
        known(|figures| figures.port.as_ref()),
        known(|figures| figures.lan.as_ref()),
    );

    let rows = rows(columns);
    let width = |at: usize| {
        let of = |row: &Row| row.values.get(at).map_or(0, |value| value.chars().count());
        rows.iter().map(of).max().unwrap_or(0)
    };
    let widths: Vec<usize> = if side_by_side {
        (0..columns.len()).map(width).collect()
    } else {
        vec![ALONE]
    };
    for row in &rows {
        let _ = write!(out, "  {:<NAMES$} ", row.name);
        for (value, width) in row.values.iter().zip(&widths) {
            let _ = write!(out, "{value:<width$}  ");
        }
        let _ = writeln!(out, "{}", paint.dim(row.meaning));
    }
    for column in columns {
        let file = column.dir.join("samples.csv");
        let _ = writeln!(
            out,
            "{}",
            paint.dim(&format!("raw samples: {}", file.display()))
        );
    }
    out
}

/// All rows that belong to these columns.
fn rows(columns: &[Column]) -> Vec<Row> {
    let row = |name, meaning, value: &dyn Fn(&Figures) -> Option<String>, otherwise: &str| -> Row {
        let of = |column: &Column| value(&column.figures).unwrap_or_else(|| otherwise.to_string());
        Row {
            name,
            values: columns.iter().map(of).collect(),
            meaning,
        }
    };
    let always = |name, meaning, value: &dyn Fn(&Figures) -> Option<String>| {
        row(name, meaning, value, "not measured")
    };
    let mut rows = Vec::new();
    if columns.len() > 1 {
        rows.push(row(
            "link",
            "what the runner and the agent talk over",
            &|it| it.link.clone(),
            "unknown",
        ));
    }
    rows.extend([
        always("link round trip", "a ping and its answer", &|it| {
            let us = it.link_rtt_us?;
            Some(format!("p50 {:.0}  p99 {:.0} µs", us.p50, us.p99))
        }),
        always(
            "link throughput",
            "data in requests to the board, in answers from it",
            &|it| both(it.link_throughput_kib_s, "KiB/s"),
        ),
        always(
            "case overhead",
            "from the beginning of a case to the next; both cases:",
            &|it| Some(milliseconds(it.case_overhead_ms?.both)),
        ),
        always("  open and close", "a TCP socket", &|it| {
            Some(milliseconds(it.case_overhead_ms?.open_close))
        }),
        always(
            "  echo of 64 bytes",
            "over a TCP connection of its own",
            &|it| Some(milliseconds(it.case_overhead_ms?.echo_64)),
        ),
        always("start", "from running the board to its first case", &|it| {
            Some(format!("{:.0} ms", it.start_to_first_case_ms?))
        }),
        always("TCP goodput", "a stream with every byte checked", &|it| {
            both(it.tcp_goodput_mbit, "Mbit/s")
        }),
    ]);
    let any = |has: fn(&Figures) -> bool| columns.iter().any(|column| has(&column.figures));
    if any(|it| it.wire_added_rtt_us.is_some()) {
        rows.push(always(
            "cable",
            "added to a round trip between kernel and stack",
            &|it| {
                let us = it.wire_added_rtt_us?;
                Some(format!("p50 {:+.0}  p99 {:+.0} µs", us.p50, us.p99))
            },
        ));
        rows.push(always(
            "  without it",
            "TCP goodput of the same stacks joined directly",
            &|it| both(it.tcp_goodput_joined_mbit, "Mbit/s"),
        ));
    }
    if any(|it| it.text_bytes.is_some() && it.ram_bytes.is_some()) {
        rows.push(always(
            "image",
            "code and constants; variables and stack",
            &|it| {
                let (text, ram) = (it.text_bytes?, it.ram_bytes?);
                Some(format!("text {text}  RAM {ram} bytes"))
            },
        ));
    }
    rows
}

fn milliseconds(it: Percentiles) -> String {
    format!("p50 {:.3}  p99 {:.3} ms", it.p50, it.p99)
}

fn both(it: BothWays, unit: &str) -> Option<String> {
    let (to, from) = (it.to_board?, it.from_board?);
    Some(format!("to {to:.1}  from {from:.1} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(figures: Figures, dir: &str) -> Column {
        Column {
            figures,
            dir: dir.into(),
        }
    }

    #[test]
    fn the_table_says_what_was_not_measured() {
        let figures = Figures {
            board: "b".into(),
            emulated: true,
            start_to_first_case_ms: Some(12.3),
            ..Figures::default()
        };
        let table = table(&[column(figures, "runs/b")], Paint::new(false));
        assert!(table.starts_with("b (port unknown, link unknown, lan unknown, emulated"));
        let start = "  start                12 ms                           from running";
        assert!(table.contains(start), "{table}");
        assert_eq!(table.matches("not measured").count(), 6, "{table}");
        assert!(!table.contains("image"), "{table}");
        assert!(
            table.ends_with("raw samples: runs/b/samples.csv\n"),
            "{table}"
        );
    }

    #[test]
    fn links_stand_side_by_side() {
        let serial = Figures {
            board: "b".into(),
            link: Some("serial".into()),
            ..Figures::default()
        };
        let rtt = Figures {
            board: "b".into(),
            port: Some("p".into()),
            link: Some("rtt".into()),
            lan: Some("user".into()),
            link_rtt_us: Some(Percentiles {
                p50: 120.0,
                p99: 4500.0,
            }),
            link_throughput_kib_s: BothWays {
                to_board: Some(61.25),
                from_board: Some(350.0),
            },
            start_to_first_case_ms: Some(60.0),
            text_bytes: Some(1000),
            ram_bytes: Some(2000),
            ..Figures::default()
        };
        let columns = [column(serial, "runs/b/serial"), column(rtt, "runs/b/rtt")];
        let table = table(&columns, Paint::new(false));
        let expected = "\
b (port p, lan user)
  link                 serial        rtt                        what the runner and the agent talk over
  link round trip      not measured  p50 120  p99 4500 µs       a ping and its answer
  link throughput      not measured  to 61.2  from 350.0 KiB/s  data in requests to the board, in answers from it
  case overhead        not measured  not measured               from the beginning of a case to the next; both cases:
    open and close     not measured  not measured               a TCP socket
    echo of 64 bytes   not measured  not measured               over a TCP connection of its own
  start                not measured  60 ms                      from running the board to its first case
  TCP goodput          not measured  not measured               a stream with every byte checked
  image                not measured  text 1000  RAM 2000 bytes  code and constants; variables and stack
raw samples: runs/b/serial/samples.csv
raw samples: runs/b/rtt/samples.csv
";
        assert_eq!(table, expected, "{table}");
    }
}
