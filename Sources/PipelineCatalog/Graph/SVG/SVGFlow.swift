/// Steps in the order in which messages go through them: rows of boxes, and below a row what runs beside it.
struct SVGFlow {
    /// What runs beside the steps, below their row.
    struct Lane {
        /// Where its arrow comes from.
        enum Start {
            /// The line behind the last step before it.
            case line
            /// That step itself.
            case step
        }

        let block: SVGBlock
        let start: Start
        /// How far from its left the arrow comes in at the latest.
        let entry: Int
        let stroke: SVGCanvas.Stroke
    }

    enum Item {
        case step(SVGBlock)
        case lane(Lane)
    }

    private struct Row {
        var blocks: [SVGBlock] = []
        var lane: Lane?
        /// The step that the lane belongs to.
        var start = 0

        var inside: Int { blocks.map(\.width).reduce(SVGFlow.gap * max(0, blocks.count - 1), +) }
        var height: Int { blocks.map(\.height).max() ?? 0 }
        var whole: Int { height + (lane.map { SVGFlow.drop + $0.block.height } ?? 0) }
    }

    static let gap = 20
    /// Between a row and what stands below it.
    private static let drop = 20
    /// Beside the rows, where the line leads from the end of one to the beginning of the next.
    private static let gutter = 12
    private static let between = 22

    private let rows: [Row]

    /// - Parameter width: How wide it may be, where no part of it is wider.
    init(_ items: [Item], width: Int) {
        let isOne = SVGFlow.rows(of: items, width: width)
        rows = isOne.count == 1 ? isOne : SVGFlow.rows(of: items, width: width - 2 * SVGFlow.gutter - SVGFlow.gap)
    }

    private static func rows(of items: [Item], width: Int) -> [Row] {
        var rows = [Row()]
        for item in items {
            var row = rows[rows.count - 1]
            switch item {
            case .step(let block):
                if !row.blocks.isEmpty, row.inside + gap + block.width > width {
                    rows.append(Row(blocks: [block]))
                } else {
                    row.blocks.append(block)
                    rows[rows.count - 1] = row
                }
            case .lane(let lane):
                // There is room for one; its step goes on to the next row, where that has another.
                if row.lane != nil, row.blocks.count > 1, row.start < row.blocks.count - 1 {
                    let last = row.blocks.removeLast()
                    rows[rows.count - 1] = row
                    row = Row(blocks: [last])
                    rows.append(row)
                } else if row.lane != nil {
                    row = Row(blocks: [.entry])
                    rows.append(row)
                }
                (row.lane, row.start) = (lane, row.blocks.count - 1)
                rows[rows.count - 1] = row
            }
        }
        return rows
    }

    private var isOneRow: Bool { rows.count == 1 }
    private var margin: Int { isOneRow ? 0 : SVGFlow.gutter }

    /// All of it.
    var block: SVGBlock {
        let widest =
            rows.enumerated().map { index, row in
                max(row.inside, row.lane?.block.width ?? 0) + (index == 0 ? 0 : SVGFlow.gap)
            }.max() ?? 0
        let height = rows.map(\.whole).reduce(SVGFlow.between * (rows.count - 1), +)
        let covered = rows.reduce(0) { $0 + $1.blocks.map(\.covered).reduce($1.lane?.block.covered ?? 0, +) }
        return SVGBlock(width: widest + 2 * margin, height: height, covered: covered) { canvas, frame in
            draw(&canvas, frame, spare: max(0, frame.height - height))
        }
    }

    private func draw(_ canvas: inout SVGCanvas, _ frame: SVGFrame, spare: Int) {
        var y = frame.y
        var end: (x: Int, y: Int, below: Int)?
        for (index, row) in rows.enumerated() {
            // What there is to spare goes to the rows alike.
            let more = spare * (index + 1) / rows.count - spare * index / rows.count
            let x = frame.x + margin + (index == 0 ? 0 : SVGFlow.gap)
            let inner = SVGFrame(x: x, y: y, width: frame.right - margin - x, height: row.whole + more)
            if let end {
                let right = frame.right - 1
                let start = (x, y + (row.height + extra(more, in: row)) / 2)
                canvas.path(
                    [
                        (end.x, end.y), (right, end.y), (right, end.below), (frame.x + 1, end.below),
                        (frame.x + 1, start.1), start,
                    ],
                    hasHead: true)
            }
            let last = draw(row, &canvas, inner, more)
            end = (last.x, last.y, inner.bottom + SVGFlow.between / 2)
            y = inner.bottom + SVGFlow.between
        }
    }

    /// How much of what there is to spare goes to the steps.
    private func extra(_ more: Int, in row: Row) -> Int { row.lane == nil ? more : more / 2 }

    /// - Returns: Where the line leaves its last step.
    private func draw(_ row: Row, _ canvas: inout SVGCanvas, _ frame: SVGFrame, _ more: Int) -> (x: Int, y: Int) {
        let height = row.height + extra(more, in: row)
        let stretching = row.blocks.count { !$0.isFixed }
        let spare = max(0, frame.width - row.inside)
        var (x, number, frames): (Int, Int, [SVGFrame]) = (frame.x, 0, [])
        for block in row.blocks {
            var width = block.width
            if !block.isFixed {
                width += spare * (number + 1) / stretching - spare * number / stretching
                number += 1
            }
            frames.append(SVGFrame(x: x, y: frame.y, width: width, height: height))
            x += width + SVGFlow.gap
        }
        for (index, block) in row.blocks.enumerated() {
            if index > 0 {
                canvas.arrow(
                    from: (frames[index - 1].right, frames[index].middle), to: (frames[index].x, frames[index].middle))
            }
            block.draw(&canvas, frames[index])
        }
        if let lane = row.lane, frames.indices.contains(row.start) {
            let top = frame.y + height + SVGFlow.drop
            let whole = SVGFrame(x: frame.x, y: top, width: frame.width, height: frame.bottom - top)
            draw(lane, &canvas, whole, from: frames[row.start], isLast: row.start == frames.count - 1)
        }
        return (frames.last?.right ?? frame.x, frame.y + height / 2)
    }

    private func draw(
        _ lane: Lane, _ canvas: inout SVGCanvas, _ frame: SVGFrame, from step: SVGFrame, isLast: Bool
    ) {
        // Inside a row the line is there already; behind its last step it ends where the next row's may begin.
        let x = lane.start == .line ? step.right + (isLast ? 6 : SVGFlow.gap / 2) : step.x + step.width / 2
        let y = lane.start == .line ? step.middle : step.bottom
        if lane.start == .line, isLast { canvas.path([(step.right, y), (x, y)]) }
        let entry = min(x, frame.x + max(lane.entry, lane.entry + frame.width - lane.block.width))
        if entry == x {
            canvas.arrow(from: (x, y), to: (x, frame.y), stroke: lane.stroke)
        } else {
            let turn = frame.y - SVGFlow.drop / 2
            canvas.path([(x, y), (x, turn), (entry, turn), (entry, frame.y)], hasHead: true, stroke: lane.stroke)
        }
        lane.block.draw(&canvas, frame)
    }
}
