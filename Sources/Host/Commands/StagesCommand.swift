import ArgumentParser
import Pipeline

struct StagesCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stages", abstract: "What stages and resources there are, and each one's settings.")
    }

    @Argument(help: "A stage or a resource, for its settings.")
    var name: String?

    func run() async throws {
        let catalog = Catalog(try Host.registry())
        guard let name else {
            print(catalog.overview)
            return
        }
        guard let page = catalog.page(name) else {
            let hint = Spelling.nearest(to: name, among: catalog.names).map { "; did you mean '\($0)'?" } ?? ""
            StandardError.write("error: there is no stage or resource '\(name)'\(hint)")
            throw ExitCode.failure
        }
        print(page)
    }
}
