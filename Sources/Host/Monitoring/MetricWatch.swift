/// How operators watch a metric: where the board shows it, and which alerts look at it.
///
/// Every metric says so, as a `switch` over all of them asks: none can be added and then be watched by nobody.
struct MetricWatch {
    /// The row of the board.
    let row: BoardRow
    /// What the board calls it.
    let title: String
    /// What its expression is on the board, where that is not the usual one of its kind.
    var expression: BoardExpression = .usual
    /// The alerts that it raises; none where a high value is no reason to act.
    var alerts: [AlertRule] = []
}

/// The rows of the board, from what clients notice to what may be the reason.
enum BoardRow: String, CaseIterable {
    case messages = "Messages"
    case stages = "Stages and models"
    case queues = "Queues"
    case resources = "Resources and kept data"
    case clients = "Clients"
    case process = "The process"
}

/// What a panel asks for.
enum BoardExpression {
    /// The rate of a counter, the value of a gauge, the median and the 99th percentile of a histogram.
    case usual
    /// How long ago a point in time is.
    case age
}
