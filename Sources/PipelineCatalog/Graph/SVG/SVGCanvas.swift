import Pipeline

/// Collects shapes as SVG elements. Widths of texts are those of a monospaced font, the only one that can be known without
/// the font itself.
struct SVGCanvas {
    /// What a line or an outline is like.
    enum Stroke: String {
        case solid = ""
        case dashed = " stroke-dasharray=\"6 4\""
        case dotted = " stroke-dasharray=\"2 4\""
    }

    static let lineHeight = 18
    static let smallLineHeight = 15

    private(set) var elements: [String] = []

    mutating func rectangle(_ frame: SVGFrame, fill: String, stroke: Stroke = .solid, radius: Int = 6) {
        elements.append(
            "<rect x=\"\(frame.x)\" y=\"\(frame.y)\" width=\"\(frame.width)\" height=\"\(frame.height)\" rx=\"\(radius)\" "
                + "fill=\"\(fill)\" stroke=\"#44546a\"\(stroke.rawValue)/>")
    }

    /// A cylinder: standing for what stores.
    mutating func cylinder(x: Int, y: Int, width: Int, height: Int, fill: String) {
        let (right, bottom, half) = (x + width, y + height, width / 2)
        elements.append(
            "<path d=\"M\(x) \(y + 4) V\(bottom - 4) A\(half) 4 0 0 0 \(right) \(bottom - 4) V\(y + 4) "
                + "A\(half) 4 0 0 0 \(x) \(y + 4) A\(half) 4 0 0 0 \(right) \(y + 4)\" fill=\"\(fill)\" stroke=\"#44546a\"/>"
        )
    }

    /// A row of waiting messages.
    mutating func queue(_ frame: SVGFrame, fill: String) {
        rectangle(frame, fill: fill, radius: 0)
        for bar in 1...3 {
            elements.append("<path d=\"M\(frame.right - bar * 10) \(frame.y) V\(frame.bottom)\" stroke=\"#44546a\"/>")
        }
    }

    /// A filled circle.
    mutating func dot(x: Int, y: Int) { elements.append("<circle cx=\"\(x)\" cy=\"\(y)\" r=\"4\" fill=\"#44546a\"/>") }

    /// A straight arrow.
    mutating func arrow(from: (x: Int, y: Int), to: (x: Int, y: Int), stroke: Stroke = .solid) {
        path([from, to], hasHead: true, stroke: stroke)
    }

    /// A line through points.
    mutating func path(_ points: [(x: Int, y: Int)], hasHead: Bool = false, stroke: Stroke = .solid) {
        let way = points.enumerated().map { "\($0 == 0 ? "M" : "L")\($1.x) \($1.y)" }.joined(separator: " ")
        let head = hasHead ? " marker-end=\"url(#arrow)\"" : ""
        elements.append("<path d=\"\(way)\" fill=\"none\" stroke=\"#44546a\"\(head)\(stroke.rawValue)/>")
    }

    /// A line of text, its middle or its beginning at `x`.
    mutating func text(
        _ text: String, x: Int, baseline: Int, isSmall: Bool = false, isBold: Bool = false, isCentered: Bool = false
    ) {
        let size = isSmall ? " font-size=\"11\"" : ""
        let weight = isBold ? " font-weight=\"bold\"" : ""
        let anchor = isCentered ? " text-anchor=\"middle\"" : ""
        elements.append(
            "<text x=\"\(x)\" y=\"\(baseline)\"\(size)\(weight)\(anchor)>\(XMLText.escaped(text))</text>")
    }

    /// Begins the shapes that stand for a step.
    mutating func beginStage(_ label: String) {
        elements.append("<g class=\"stage\" data-stage=\"\(XMLText.escaped(label))\">")
    }

    mutating func endStage() { elements.append("</g>") }

    /// An empty line, its middle or its beginning at `x`.
    ///
    /// - Parameter queue: The label of the step whose queue it is about; `nil` where it is about the step that it stands in.
    mutating func figure(x: Int, baseline: Int, queue: String? = nil) {
        let about = queue.map { " data-queue=\"\(XMLText.escaped($0))\"" } ?? " text-anchor=\"middle\""
        elements.append("<text class=\"figure\" x=\"\(x)\" y=\"\(baseline)\" font-size=\"11\"\(about)></text>")
    }

    /// How many letters fit into a figure.
    static let figureLetters = 34

    /// How wide a text is at most.
    static func width(of text: String, isSmall: Bool = false) -> Int {
        // Letters of a monospaced font are 0.6 of its size wide; those of Chinese, Japanese and Korean, and emoji, twice that.
        let letters = text.reduce(0) { $0 + (($1.unicodeScalars.first?.value ?? 0) >= 0x1100 ? 2 : 1) }
        return (letters * (isSmall ? 11 : 13) * 63 + 99) / 100
    }

    /// A text as lines of at most so many letters, where its words allow.
    static func lines(of text: String, letters: Int) -> [String] {
        text.split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + word.count < letters {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }
}
