import FoundationEssentials
import Pipeline
import Server

/// A board for Grafana that shows every metric, made from the declarations.
struct Board: Encodable {
    /// What Grafana imports.
    static func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Board()), as: UTF8.self)
    }

    private struct Time: Encodable {
        let from = "now-6h"
        let to = "now"
    }

    private struct Templating: Encodable {
        let list = BoardVariable.all
    }

    private let uid = "stagecoach"
    private let title = "Stagecoach"
    private let description = "Made by 'stagecoach metrics --format grafana' of stagecoach \(ProgramVersion.number)."
    private let tags = ["stagecoach"]
    private let editable = true
    private let schemaVersion = 39
    private let refresh = "30s"
    private let time = Time()
    private let templating = Templating()
    private let panels = Board.panels

    /// Three panels beside each other, below the name of their row.
    private static var panels: [BoardPanel] {
        let (columns, width, height) = (3, 8, 8)
        var panels: [BoardPanel] = []
        var top = 0
        for row in BoardRow.allCases {
            panels.append(BoardPanel(id: panels.count + 1, row: row, at: BoardPosition(0, top, columns * width, 1)))
            top += 1
            let shown = MetricDeclaration.all.filter { $0.watch.row == row }
            for (index, metric) in shown.enumerated() {
                let position = BoardPosition(index % columns * width, top, width, height)
                panels.append(BoardPanel(id: panels.count + 1, metric: metric, at: position))
                if index % columns == columns - 1 || index == shown.count - 1 { top += height }
            }
        }
        return panels
    }
}

/// Where a panel is, in Grafana's columns and lines.
struct BoardPosition: Encodable {
    private let x, y, w, h: Int

    init(_ left: Int, _ top: Int, _ width: Int, _ height: Int) {
        (x, y, w, h) = (left, top, width, height)
    }
}

/// Which Prometheus is asked: the one that is chosen on the board.
struct BoardSource: Encodable {
    private let type = "prometheus"
    private let uid = "${datasource}"
}
