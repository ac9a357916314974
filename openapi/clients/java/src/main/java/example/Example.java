package example;

// README
import java.util.List;
import java.util.UUID;
import logpulse.api.LogsApi;
import logpulse.client.ApiClient;
import logpulse.client.ApiException;
import logpulse.model.NewLogEntry;

public class Example {
  public static void main(String[] args) throws ApiException {
    var url = System.getenv().getOrDefault("LOGPULSE_URL", "http://127.0.0.1:8080");
    var logs = new LogsApi(new ApiClient().setBasePath(url));

    var entry = new NewLogEntry().serviceName("payment").level("ERROR").message("card declined");
    var saved = logs.saveLog(entry.putAttributesItem("order", 4711)).execute();
    System.out.println("saved " + saved.getId());

    var found = logs.searchLogs().q("card declined").level(List.of("ERROR", "FATAL")).execute();
    System.out.println("found " + found.getTotal());

    try {
      logs.getLog(UUID.fromString("00000000-0000-7000-8000-000000000000")).execute();
    } catch (ApiException e) {
      var problem = e.getErrorObject();
      System.out.println(problem.getStatus() + " " + problem.getDetail());
    }
  }
}
// end
