package logpulse;

import static logpulse.Support.VERSION_4;
import static logpulse.Support.client;
import static logpulse.Support.entry;
import static logpulse.Support.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import logpulse.api.LogsApi;
import logpulse.api.RuntimeApi;
import logpulse.client.ApiException;
import logpulse.model.FieldError;
import logpulse.model.Problem;
import org.junit.jupiter.api.Test;

class ErrorsTest {
  private final LogsApi logs = new LogsApi(client("LOGPULSE_URL"));

  @Test
  void error400NamesTheField() {
    var call = logs.saveLog(entry("card declined").id(VERSION_4));
    Problem problem = assertThrows(ApiException.class, call::execute).getErrorObject();
    assertEquals(400, problem.getStatus());
    assertEquals("Bad Request", problem.getTitle());
    assertEquals(List.of(new FieldError().field("id").detail("must be a UUIDv7")), problem.getErrors());
  }

  @Test
  void error404IsAProblem() {
    var call = logs.getLog(UUID.fromString("00000000-0000-7000-8000-000000000000"));
    Problem problem = assertThrows(ApiException.class, call::execute).getErrorObject();
    assertEquals(404, problem.getStatus());
    assertEquals("Not Found", problem.getTitle());
    assertEquals("about:blank", problem.getType());
  }

  @Test
  void error429HasRetryAfter() throws Exception {
    var runtime = new RuntimeApi(client("LOGPULSE_LIMITED_URL"));
    ApiException error = until(() -> ping(runtime), Optional::isPresent).orElseThrow();
    Problem problem = error.getErrorObject();
    assertNotNull(problem, error.getResponseBody());
    assertEquals(429, problem.getStatus());
    assertEquals("Too Many Requests", problem.getTitle());
    assertEquals(List.of("1"), error.getResponseHeaders().get("retry-after"));
  }

  private static Optional<ApiException> ping(RuntimeApi runtime) {
    try {
      runtime.ping().execute();
      return Optional.empty();
    } catch (ApiException error) {
      return Optional.of(error);
    }
  }
}
