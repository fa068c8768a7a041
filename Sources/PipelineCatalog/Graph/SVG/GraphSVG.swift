import Pipeline

/// A pipeline as a picture, made without any program outside: what the client waits for stands on the line from client to
/// client, what runs in the background beside it, behind its queue.
enum GraphSVG {
    private struct Picture {
        let elements: [String]
        let name: String
        let width: Int
        let height: Int
    }

    /// Several are one picture, one below the other.
    static func draw(_ graphs: [PipelineGraph]) -> String {
        let pictures = graphs.map { picture(of: $0) }
        if let only = pictures.first, pictures.count == 1 { return document(only) }
        var (inner, height): ([String], Int) = ([], 0)
        for picture in pictures {
            inner.append(document(picture, y: height))
            height += picture.height
        }
        let width = pictures.map(\.width).max() ?? 0
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)">
            """
        return ([head] + inner + ["</svg>"]).joined(separator: "\n")
    }

    /// The same with empty lines in each step, for figures of a running host.
    fileprivate static func drawForFigures(_ graph: PipelineGraph) -> String {
        document(picture(of: graph, hasFigures: true))
    }

    private static func picture(of graph: PipelineGraph, hasFigures: Bool = false) -> Picture {
        let resources = Dictionary(graph.resources.map { ($0.name, $0.type) }) { first, _ in first }
        let client = SVGBlock.box([.text("client")], fill: "#e2efda", radius: 17)
        let drawing = SVGBoxes(resources: resources, hasFigures: hasFigures)
        let whole = SVGBlock.column([client] + graph.boxes.map { drawing.block($0) } + [client])
        var canvas = SVGCanvas()
        let (margin, title) = (20, 34)
        canvas.text(graph.name, x: margin, baseline: margin + 14, isBold: true)
        whole.draw(&canvas, margin + whole.left, margin + title)
        let used = Set(graph.boxes.flatMap { $0.allUses })
        let unused = graph.resources.filter { !used.contains($0.name) }
        var bottom = margin + title + whole.height
        for resource in unused {
            let line = SVGLine.resource("\(resource.name): \(resource.type), which no stage uses")
            line.draw(&canvas, margin + line.width / 2, bottom + 12)
            bottom += 12 + line.height
        }
        let widest = max(whole.width, SVGCanvas.width(of: graph.name), unused.isEmpty ? 0 : 420)
        return Picture(
            elements: canvas.elements, name: graph.name, width: widest + 2 * margin, height: bottom + margin)
    }

    private static func document(_ picture: Picture, y: Int? = nil) -> String {
        let (width, height) = (picture.width, picture.height)
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg"\(y.map { " y=\"\($0)\"" } ?? "") width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
            role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" \
            fill="#1f2a37">
            <title>pipeline \(XMLText.escaped(picture.name))</title>
            <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
            orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#44546a"/></marker></defs>
            <rect width="\(width)" height="\(height)" fill="#ffffff"/>
            """
        return ([head] + picture.elements + ["</svg>"]).joined(separator: "\n")
    }
}

extension PipelineGraph {
    /// The picture with room for figures: each step is a group with `data-stage`, its label, and two empty texts of the class
    /// `figure`; each queue has one such text with `data-queue`, the label of the step behind it.
    package var pictureForFigures: String { GraphSVG.drawForFigures(self) }
}

extension PipelineGraph.Box {
    /// The resources that it and what it holds use.
    fileprivate var allUses: [String] {
        uses + errorSteps.flatMap(\.allUses) + branches.flatMap { $0.boxes.flatMap(\.allUses) }
            + [queueName].compactMap(\.self)
    }
}
