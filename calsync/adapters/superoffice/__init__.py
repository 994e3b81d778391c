"""SuperOffice CRM Online."""
