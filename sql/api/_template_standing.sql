-- How a template stands in the organisation: ratings, uses, and the score that ranks it.
--
-- The score is the mean of its stars and three imagined ones of 3.5, so that one rating does not decide, plus a tenth for each
-- doubling of its uses. Called by list_templates and get_template.
create function plane.template_standing(p_name text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ratings int;
  v_stars   int;
  v_uses    int;
begin
  select count(*), coalesce(sum(stars), 0) into v_ratings, v_stars
  from plane.template_ratings
  where org_id = plane.caller_org() and template = p_name;
  select count(*) into v_uses
  from plane.template_uses
  where org_id = plane.caller_org() and template = p_name;
  return jsonb_build_object(
    'rating', round(v_stars::numeric / nullif(v_ratings, 0), 2),
    'ratings', v_ratings,
    'uses', v_uses,
    'score', round((v_stars + 10.5) / (v_ratings + 3) + 0.1 * log(2, 1 + v_uses), 4));
end;
$$;
